"""What every choice costs in any state of the device."""
