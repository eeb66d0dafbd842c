"""`dataclass` of the standard library, cheap to define: for what an app imports before its first answer.

The standard one writes and compiles six methods for every frozen class, 0.35 ms each class, a tenth of the start of an
app. This one compiles `__init__`; the other methods are the same functions for all classes. `fields`, `replace`,
`asdict`, copies and pickles work as ever, and type checkers see the standard one.
"""

import dataclasses
from operator import attrgetter
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(*, frozen: bool, slots: bool = False, eq: bool = True, kw_only: bool = False) -> Any:
        """Make a frozen dataclass; without initialisation-only variables, and of bases that are not dataclasses.

        >>> @dataclass(frozen=True, slots=True)
        ... class Size:
        ...     "Of an image."
        ...     width: int
        ...     height: int = 1
        >>> dataclasses.replace(Size(2), height=3), Size(2) == Size(2, 1), {Size(2): "a"}[Size(2)]
        (Size(width=2, height=3), True, 'a')
        >>> Size(2).width = 3
        Traceback (most recent call last):
        dataclasses.FrozenInstanceError: cannot assign to field 'width'
        """
        if not frozen:
            raise TypeError("frozen: got False, allowed is True: others take that of `dataclasses`")

        def made(cls: type) -> type:
            own = dict(cls.__dict__)
            if not cls.__doc__:
                # the standard one would parse the signature: 2 ms for the first class
                cls.__doc__ = cls.__name__
            with_fields = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)
            cls = with_fields(cls)
            # what derives from it must be frozen too
            cls.__dataclass_params__.frozen = True
            cls.__dataclass_params__.eq = eq
            methods = {"__setattr__": _setattr, "__delattr__": _delattr, "__repr__": _repr}
            if "__init__" not in own:
                methods["__init__"] = _init_of(cls)
            if slots:
                methods |= {"__getstate__": _getstate, "__setstate__": _setstate}
            if eq:
                methods |= {"__eq__": _eq, "__hash__": _hash}
                fields = dataclasses.fields(cls)
                cls.__compared__ = _values_of([one.name for one in fields if one.compare])
                hashed = [one.name for one in fields if (one.compare if one.hash is None else one.hash)]
                cls.__hashed__ = _values_of(hashed)
            for name, method in methods.items():
                if own.get(name) is None:
                    setattr(cls, name, method)
            return cls

        return made


class _Factory:
    """Stands for what is made at each call, in signatures."""

    def __repr__(self) -> str:
        return "<factory>"


_FACTORY = _Factory()


def _init_of(cls: type) -> Any:
    """Compile what sets every field, in order, then calls `__post_init__`."""
    known: dict[str, Any] = {"_set": object.__setattr__, "_missing": _FACTORY}
    positional: list[str] = []
    named: list[str] = []
    lines: list[str] = []
    for one in dataclasses.fields(cls):
        name = one.name
        value, default = name, ""
        if one.default_factory is not dataclasses.MISSING:
            known[f"_make_{name}"] = one.default_factory
            made = f"_make_{name}()"
            value, default = (f"{made} if {name} is _missing else {name}", "=_missing") if one.init else (made, "")
        elif one.default is not dataclasses.MISSING:
            known[f"_default_{name}"] = one.default
            value, default = (name, f"=_default_{name}") if one.init else (f"_default_{name}", "")
        elif not one.init:
            continue
        if one.init:
            (named if one.kw_only else positional).append(name + default)
        lines.append(f"  _set(self, {name!r}, {value})")
    if hasattr(cls, "__post_init__"):
        lines.append("  self.__post_init__()")
    parameters = ", ".join(["self", *positional, *(["*", *named] if named else [])])
    exec("\n".join([f"def __init__({parameters}):", *(lines or ["  pass"])]), known)
    init = known["__init__"]
    init.__qualname__, init.__module__ = f"{cls.__qualname__}.__init__", cls.__module__
    init.__annotations__ = {one.name: one.type for one in dataclasses.fields(cls) if one.init} | {"return": None}
    return init


def _values_of(names: list[str]) -> Any:
    """Return what gives these attributes as a tuple."""
    if not names:
        return type
    # of one name it would give the value alone, which an array cannot be compared as
    return attrgetter(*names) if len(names) > 1 else attrgetter(names[0], names[0])


def _setattr(self: Any, name: str, value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _delattr(self: Any, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _repr(self: Any) -> str:
    shown = ", ".join(f"{one.name}={getattr(self, one.name)!r}" for one in dataclasses.fields(self) if one.repr)
    return f"{type(self).__qualname__}({shown})"


def _eq(self: Any, other: Any) -> Any:
    if type(other) is not type(self):
        return NotImplemented
    return bool(self.__compared__(self) == self.__compared__(other))


def _hash(self: Any) -> int:
    return hash(self.__hashed__(self))


def _getstate(self: Any) -> list[Any]:
    return [getattr(self, one.name) for one in dataclasses.fields(self)]


def _setstate(self: Any, state: list[Any]) -> None:
    for one, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, one.name, value)
