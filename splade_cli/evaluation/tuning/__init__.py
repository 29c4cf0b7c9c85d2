"""Tuning of an index: what each way to make it smaller or faster costs in ranking, on judged queries."""
