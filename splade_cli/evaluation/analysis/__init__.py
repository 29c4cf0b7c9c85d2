"""Analysis of failures: which queries were lost, by which terms, and for what likely cause."""
