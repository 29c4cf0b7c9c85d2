"""Elasticsearch and OpenSearch, which share Lucene and most of their requests."""
