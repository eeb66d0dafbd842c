"""An ONNX graph: open, inspect, edit, external data, shapes."""
