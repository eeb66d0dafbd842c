"""Engines that are loaded: opened when needed or before, dropped under a limit."""
