"""Queries of a generation run: judged by people, or written for chunks, and the rules that follow."""
