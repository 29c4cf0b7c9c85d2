"""Judgements to figures: metrics, significance, sparsity, latency, a report. Knows no terminal and no training."""
