"""Ranking: query vectors to ranked lists, fused, reranked and grouped by document."""
