"""What to run, and where: plans for the device's present state, and those that are kept."""
