"""Options of a single call (`onnxruntime.RunOptions`): they travel with its feeds to every run that it takes."""

from collections.abc import Mapping
from typing import Any

import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import Fail

from compsel.errors import CompselError

__all__ = ["FeedsWithOptions", "TerminatedError"]


class TerminatedError(CompselError, Fail):  # type: ignore[misc]  # it has no types
    """A call was ended by whoever made it, through its options; nothing is wrong with processor or input."""


class FeedsWithOptions(dict[str, Any]):
    """Feeds that a session runs with the options of the app.

    Args:
        feeds: by name.
        run_options: used as they are, so that `terminate` ends what runs.

    >>> FeedsWithOptions({"x": 1}, onnxruntime.RunOptions()).run_options.terminate
    False
    """

    def __init__(self, feeds: Mapping[str, Any], run_options: onnxruntime.RunOptions) -> None:
        super().__init__(feeds)
        self.run_options = run_options
