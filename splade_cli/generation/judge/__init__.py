"""A language model as judge of pairs of query and passage: grades, what they reject, and relabelling."""
