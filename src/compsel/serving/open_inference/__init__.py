"""The Open Inference Protocol, version 2, over REST, with the extension for binary tensor data."""
