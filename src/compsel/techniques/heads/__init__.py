"""Cheap models that learn from samples: linear classifiers on features, fitted by cross-validation."""
