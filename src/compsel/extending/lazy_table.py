"""Tables whose entries are imported when they are looked up: an app loads the kinds that its bundle is of."""

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import Generic, TypeVar

__all__ = ["LazyTable"]

Entry = TypeVar("Entry")


class LazyTable(MutableMapping[str, Entry], Generic[Entry]):
    """Entries by name, each given as it is or as "module:attribute", in the order in which they were given.

    Args:
        entries: by name; no entry is itself a text.

    >>> table = LazyTable({"pi": "math:pi", "three": 3.0})
    >>> list(table), round(table["pi"], 2), "e" in table
    (['pi', 'three'], 3.14, False)
    """

    def __init__(self, entries: Mapping[str, "Entry | str"]) -> None:
        self._entries = dict(entries)

    def __getitem__(self, name: str) -> Entry:
        entry = self._entries[name]
        if isinstance(entry, str):
            module, _, attribute = entry.partition(":")
            entry = self._entries[name] = getattr(import_module(module), attribute)
        return entry

    def __setitem__(self, name: str, entry: Entry) -> None:
        self._entries[name] = entry

    def __delitem__(self, name: str) -> None:
        del self._entries[name]

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
