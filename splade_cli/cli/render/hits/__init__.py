"""Hits on a terminal: their lines, the terms behind them, and as many as fit."""
