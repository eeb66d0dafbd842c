"""The size of an input on the path of its answer: in which bucket of sizes it lies, each with plans of its own."""

import math
from collections.abc import Mapping
from typing import Any

from compsel.errors import InputError
from compsel.inputs.modality import Modality
from compsel.selection.costs.model import CostModel
from compsel.selection.costs.sizes import bucket_of
from compsel.variants.variant import Variant

__all__ = ["InputSizes"]


class InputSizes:
    """Tells the bucket of an input, where costs depend on its size.

    Args:
        costs: with sizes.
        modality: of the inputs.
        counting: the variant that counts the units; None: it is not there, and the modality counts without one.

    >>> import numpy as np
    >>> from compsel.inputs.tensors import TENSORS
    >>> from compsel.selection.costs.sizes import SizeTables
    >>> ms = np.ones((2, 1, 1))
    >>> by_size = SizeTables(np.array([8.0, 80.0]), 8.0, "elements", "a", ms, ms)
    >>> sizes = InputSizes(CostModel((("a", "cpu:1"),), np.zeros((1, 1)), ms[0], ms[0], by_size=by_size), TENSORS, None)
    >>> sizes.bucket({"x": np.zeros((1, 40))}) == bucket_of(40)
    True
    """

    def __init__(self, costs: CostModel, modality: Modality, counting: Variant | None) -> None:
        assert costs.by_size is not None
        self._size, self._counting = modality.size, counting
        self._least, self._most = float(costs.sizes[0]), math.inf
        largest = None if counting is None else modality.largest_size(counting)
        if largest is not None and modality.size_costs == "inference":
            self._most = largest  # what is longer is cut
        self._usual = bucket_of(costs.by_size.usual)

    @classmethod
    def where_they_matter(
        cls, costs: CostModel, modality: Modality, variants: Mapping[str, Variant]
    ) -> "InputSizes | None":
        """Return them for costs with sizes, None for others."""
        return None if costs.by_size is None else cls(costs, modality, variants.get(costs.sized_by))

    def bucket(self, value: Any) -> int:
        """Return the bucket of a value; the usual one where its size cannot be told: of tensors made from an image."""
        try:
            size = self._size(value, self._counting)
        except (InputError, AttributeError, TypeError, ValueError):
            return self._usual  # where it is no such value, whoever takes it says what is wrong
        return bucket_of(min(max(size, self._least), self._most))
