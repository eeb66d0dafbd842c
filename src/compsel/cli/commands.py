"""The commands by what one wants to do: each word is one module of this package, which defines it as `COMMAND`."""

from importlib import import_module

from compsel.cli.base import Command

__all__ = ["COMMANDS", "GROUPS", "load_command"]

# in the order in which the help shows them
GROUPS = {
    "see it work": ("demo",),
    "make a bundle of your models": ("build",),
    "use a bundle": ("run", "serve", "port"),
    "trust a bundle": ("sign", "verify"),
    "see what it is worth": ("evaluate", "report"),
    "one step at a time": ("compress", "profile", "train"),
    "learn from many devices": ("fleet",),
    "cheap candidates, and networks to start from": ("student", "head", "networks"),
    "this machine, and models on it": ("doctor", "devices", "perf", "characterize"),
    "the command line itself": ("completion",),
}
COMMANDS = tuple(name for names in GROUPS.values() for name in names)


def load_command(name: str) -> Command:
    """Import a command."""
    command: Command = import_module(f"compsel.cli.{name}").COMMAND
    return command
