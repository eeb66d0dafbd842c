"""Parts of a bundle that few apps use."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

__all__ = ["Deferred"]

Made = TypeVar("Made")


class Deferred(Mapping[str, Made]):
    """Values that are made when they are asked for, each once.

    Args:
        content: what each is made of, by name.
        make: makes one; what it raises is raised where that is asked for.

    >>> lengths = Deferred({"a": "word", "b": None}, len)
    >>> list(lengths), lengths["a"]
    (['a', 'b'], 4)
    """

    def __init__(self, content: Mapping[str, Any], make: Callable[[Any], Made]) -> None:
        self._content, self._make = content, make
        self._made: dict[str, Made] = {}

    def __getitem__(self, name: str) -> Made:
        if name not in self._made:
            self._made[name] = self._make(self._content[name])
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._content)

    def __len__(self) -> int:
        return len(self._content)
