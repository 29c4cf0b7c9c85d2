"""Commands that report on what is there: training data, frequent terms, what a smaller index costs."""
