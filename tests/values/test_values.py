"""The light `dataclass` does what the standard one does."""

import copy
import dataclasses
import inspect

import numpy as np
import pytest

from compsel.values import dataclass as light


def classes(dataclass):
    @dataclass(frozen=True, slots=True)
    class Point:
        """A point."""

        x: int
        tags: list = dataclasses.field(default_factory=list, compare=False)
        y: float = 0.5
        hidden: str = dataclasses.field(default="h", repr=False)
        left: int = dataclasses.field(default=7, init=False)

    @dataclass(frozen=True, kw_only=True)
    class Named:
        """Has keywords, and what is computed after."""

        name: str
        size: int = 2
        double: int = dataclasses.field(init=False)

        def __post_init__(self):
            object.__setattr__(self, "double", 2 * self.size)

        def __repr__(self):
            return f"<{self.name}>"

    @dataclass(frozen=True, eq=False)
    class Alone:
        """Is itself."""

        values: np.ndarray

    return Point, Named, Alone


@dataclasses.dataclass(frozen=True, slots=True)
class StandardPair:
    """A pair."""

    first: int
    second: object = None


@light(frozen=True, slots=True)
class LightPair:
    """A pair."""

    first: int
    second: object = None


@dataclasses.dataclass(frozen=True, slots=True)
class Triple(LightPair):
    """A standard dataclass of a light one."""

    third: int = 3


def seen(point, named, alone):
    """Everything that can be seen of three classes."""
    one, other = point(1), point(1, ["t"], 0.5, "h")
    array = np.zeros(2)
    yield from (one == other, one != other, hash(one) == hash(other), one == point(2), one == (1, 0.5))
    yield from (repr(one).rpartition(".")[2], dataclasses.asdict(other), dataclasses.replace(one, x=3).x, one.left)
    yield from (one.tags == [], one.tags is not point(1).tags, copy.deepcopy(other) == other, copy.copy(other).tags)
    yield from (str(inspect.signature(point.__init__)), point.__match_args__, point.__slots__, point.__doc__)
    yield from ([field.name for field in dataclasses.fields(point)], dataclasses.is_dataclass(one))
    yield from (repr(named(name="n")), named(name="n").double, vars(named(name="n", size=4)))
    yield from (alone(array) == alone(array), hash(alone(array)) == hash(alone(array)), alone(array).values is array)
    for wrong in (point, lambda: named("n"), lambda: point(1, left=2), lambda: setattr(one, "x", 2)):
        with pytest.raises((TypeError, dataclasses.FrozenInstanceError)) as error:
            wrong()
        yield type(error.value)
    with pytest.raises(dataclasses.FrozenInstanceError):
        del one.x
    match one:
        case point(1):
            yield "matched"


def test_nothing_differs_from_the_standard_dataclass():
    assert list(seen(*classes(light))) == list(seen(*classes(dataclasses.dataclass)))


def test_copies_and_arrays():
    for kind in (StandardPair, LightPair):
        pair = kind(1, "two")
        assert copy.deepcopy(pair) == pair
        # what is the same object is equal, as in tuples
        array = np.zeros(2)
        assert kind(1, array) == kind(1, array)


def test_standard_dataclasses_derive_from_light_ones():
    triple = Triple(1, "two")
    assert (triple, triple.third) == (Triple(1, "two", 3), 3)
    assert triple != LightPair(1, "two")
    with pytest.raises(dataclasses.FrozenInstanceError):
        triple.first = 2


def test_others_are_refused():
    with pytest.raises(TypeError, match="allowed is True"):
        light(frozen=False)


def test_no_signature_is_parsed_for_a_class_without_a_docstring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspect, "signature", lambda *_: pytest.fail("takes 2 ms of a start"))

    @light(frozen=True)
    class Bare:
        size: int

    assert Bare(2).size == 2 and Bare.__doc__ == "Bare"
