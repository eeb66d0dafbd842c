"""Progress and messages of long work."""

from compsel.progress.reporter import SILENT, Reporter

__all__ = ["SILENT", "Reporter"]
