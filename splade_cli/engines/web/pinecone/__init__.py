"""Pinecone over HTTP."""
