"""What a model is fed: modalities, preprocessing, samples."""
