"""What others write beside a model, or into it: preprocessing, names of classes, the rate of audio."""
