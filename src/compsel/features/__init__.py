"""Numbers that describe an input, a device, or how sure a first answer is: what selectors decide by."""
