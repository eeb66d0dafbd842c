"""Inputs without elements, on which operators of ONNX Runtime end the process: these are refused before."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from compsel.bundle.verified_files import VerifiedFiles
from compsel.models.graph_file import GraphFile
from compsel.variants.variant import Variant

__all__ = ["EmptyInputs"]

# kinds of operators (field 4 of a node) that are, or hold, a GRU or an LSTM: both end the process where the batch is
# empty, a GRU also where the sequence is
_ENDS = rb"\x22[\x03-\x7f]\w*(?:GRU|LSTM)"


class EmptyInputs:
    """Knows which variants take inputs without elements.

    Args:
        folder: of the bundle.
        files: of the bundle, as they were checked; None: what lies in the folder.

    >>> import numpy as np
    >>> EmptyInputs.is_one({"x": np.zeros((0, 3))}), EmptyInputs.is_one({"x": np.zeros((1, 3)), "texts": []})
    (True, False)
    """

    def __init__(self, folder: str | os.PathLike[str], files: VerifiedFiles | None = None) -> None:
        self._folder, self._files = Path(folder), files
        self._taking: dict[str, bool] = {}

    @staticmethod
    def is_one(feed: Mapping[str, Any]) -> bool:
        """Whether an array of a feed has no elements."""
        return any(getattr(value, "size", 1) == 0 for value in feed.values())

    def takes(self, variant: Variant) -> bool:
        """Whether a variant takes inputs without elements: its graph is looked at once."""
        if variant.name not in self._taking:
            name = f"variants/{variant.tensor_file}"
            graph = GraphFile(self._folder / name) if self._files is None else self._files.graph(name)
            content = Path(graph).read_bytes() if graph.content is None else graph.content
            self._taking[variant.name] = re.search(_ENDS, content) is None
        return self._taking[variant.name]
