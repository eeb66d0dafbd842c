"""Parts of the simulated fleet: devices, what they record, bad uploads, and the truth."""
