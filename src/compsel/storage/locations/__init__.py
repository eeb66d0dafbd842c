"""Places beyond this machine: any address that fsspec knows, through a mirror of it here."""
