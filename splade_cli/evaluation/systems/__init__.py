"""Systems of an evaluation: what is ranked and measured, from the model itself to fused and reranked ones."""
