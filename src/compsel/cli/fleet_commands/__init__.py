"""The words after `compsel fleet`, one a module."""
