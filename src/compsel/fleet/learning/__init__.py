"""What merged records teach: costs by kind of device, calibrations, and where a fleet has drifted."""
