"""The machine: its state, watched in the background; its fingerprint; its energy meters."""
