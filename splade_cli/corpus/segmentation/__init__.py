"""Text segmentation: the structure of a text, how long its parts are, and where it is best cut."""
