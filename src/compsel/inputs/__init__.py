"""Inputs of models: modalities, preprocessing, samples."""
