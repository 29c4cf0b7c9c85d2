"""Source code and notebooks: functions with their comments, cells with their texts."""
