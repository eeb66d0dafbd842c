"""How long work tells what it is doing, and how far it is."""

from compsel.progress.reporter import SILENT, Reporter

__all__ = ["SILENT", "Reporter"]
