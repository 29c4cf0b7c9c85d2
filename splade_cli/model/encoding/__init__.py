"""Encoding of many texts: window by window, cached, on several devices or processes."""
