"""Trained selectors as ONNX."""
