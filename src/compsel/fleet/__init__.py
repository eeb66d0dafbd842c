"""Records of many devices: taken in, merged, learned from, compared, released."""
