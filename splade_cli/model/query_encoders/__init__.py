"""Query texts to sparse vectors without the model: a static table, or an ONNX graph."""
