"""What ran, written down for whoever trains on it later."""
