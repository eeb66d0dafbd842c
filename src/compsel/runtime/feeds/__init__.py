"""What a call brings: matched to a model's inputs, checked, decoded, sized."""
