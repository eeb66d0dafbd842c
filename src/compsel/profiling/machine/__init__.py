"""What this machine is good at, and what would make inference faster on it."""

from compsel.profiling.machine.diagnosis import Diagnosis, Finding, diagnose

__all__ = ["Diagnosis", "Finding", "diagnose"]
