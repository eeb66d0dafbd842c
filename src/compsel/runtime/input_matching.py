"""Which variants take the tensors that an app gives."""

from collections.abc import Mapping

import numpy as np

from compsel.errors import InputError
from compsel.inputs.tensor_specs import TensorSpec
from compsel.variants.variant import Variant

__all__ = ["InputMatcher"]


class InputMatcher:
    """Finds the variants that take exactly these inputs, and remembers them by form.

    Args:
        variants: by name.

    >>> InputMatcher({}).variants({"x": np.zeros(1)})
    Traceback (most recent call last):
    compsel.errors.InputError: inputs: got [('x', 'float64', (1,))], this bundle takes nothing
    """

    def __init__(self, variants: Mapping[str, Variant]) -> None:
        self._variants = variants
        self._known: dict[tuple[tuple[str, str, tuple[int | None, ...]], ...], frozenset[str]] = {}

    def variants(self, feed: Mapping[str, np.ndarray]) -> frozenset[str]:
        """Return the names of the variants; the same object for feeds of the same form.

        Raises:
            InputError: there is none.
        """
        key = tuple(sorted((name, np.asarray(value).dtype.str, np.shape(value)) for name, value in feed.items()))
        found = self._known.get(key)
        if found is None:
            found = frozenset(
                variant.name
                for variant in self._variants.values()
                if feed.keys() == {spec.name for spec in variant.inputs}
                and all(_fits(spec, feed[spec.name]) for spec in variant.inputs)
            )
            if not found:
                takes = sorted({str([(s.name, s.dtype, s.shape) for s in v.inputs]) for v in self._variants.values()})
                got = [(name, str(np.asarray(value).dtype), np.shape(value)) for name, value in feed.items()]
                raise InputError(f"inputs: got {got}, this bundle takes {' or '.join(takes) or 'nothing'}")
            self._known[key] = found
        return found

    def has_independent_rows(self, allowed: frozenset[str]) -> bool:
        """Whether all of these variants may answer a batch row by row."""
        return all(self._variants[name].independent_rows for name in allowed)


def _fits(spec: TensorSpec, value: np.ndarray) -> bool:
    try:
        spec.check_form(value)
    except InputError:
        return False
    return True
