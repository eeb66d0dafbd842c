"""An exported selector at run time: needs numpy and ONNX Runtime, nothing else."""

import os
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import onnxruntime

from compsel.errors import SelectorError, VersionError
from compsel.models.ort_errors import translate
from compsel.models.ort_options import session_options
from compsel.selection.selectors.base import FeatureMatrix, check_features

__all__ = ["CHOICE", "FEATURES", "FORMAT_VERSION", "SCORES", "ExportedSelector"]

FEATURES, CHOICE, SCORES = "features", "choice", "scores"
_CHOICE_ONLY = [CHOICE]

# Raise it when a graph with the same inputs and outputs would have to be read differently; keep reading older ones.
FORMAT_VERSION = 1


class ExportedSelector:
    """Decides as the trained selector did, by one small graph on one thread.

    Args:
        model: the ONNX file's path, or its bytes.
        deferred: whether it is opened when it is first used; then that raises what is wrong with it.

    Attributes:
        kind: class name of the selector that was exported.
        n_features: length of a row.
        n_choices: how many there are to select from.

    Raises:
        SelectorError: not an exported selector.
        VersionError: written by a newer compsel.

    >>> from compsel.selection.selectors.baselines import SingleBest
    >>> from compsel.selection.export.to_onnx import to_onnx
    >>> trained = SingleBest().fit(np.zeros((2, 3)), np.array([[3.0, 1.0], [1.0, 2.0]]))
    >>> exported = ExportedSelector(to_onnx(trained))
    >>> exported.select([0.1, 0.2, float("nan")]), exported.kind, exported.n_choices
    (1, 'SingleBest', 2)
    """

    _session: Any
    kind: str
    n_features: int
    n_choices: int

    def __init__(self, model: bytes | str | os.PathLike[str], *, deferred: bool = False) -> None:
        self._model = model if isinstance(model, bytes) else Path(model).read_bytes()
        if not deferred:
            self._open()

    def __getattr__(self, name: str) -> Any:
        # what is set when it is opened
        if name not in ("_session", "kind", "n_features", "n_choices"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        self._open()
        return self.__dict__[name]

    def _open(self) -> None:
        try:
            self._session = onnxruntime.InferenceSession(
                self._model, session_options(), providers=["CPUExecutionProvider"], enable_fallback=0
            )
        except Exception as error:  # ONNX Runtime's exceptions have no common base
            reason = translate(error, "not an exported selector: ONNX Runtime says", loading=True)
            raise SelectorError(str(reason)) from error
        try:
            self._read_description()
        except SelectorError:
            raise
        except (ValueError, LookupError) as error:  # texts that are no UTF-8, a version that is no number
            raise SelectorError(f"not an exported selector: cannot be read ({error!r}); use to_onnx") from error

    def _read_description(self) -> None:
        properties = self._session.get_modelmeta().custom_metadata_map
        if "compsel.selector" not in properties:
            raise SelectorError("not an exported selector: its metadata has no 'compsel.selector'; use to_onnx")
        if int(properties["compsel.selector.version"]) > FORMAT_VERSION:
            raise VersionError(
                f"exported selector of format {properties['compsel.selector.version']}, "
                f"this compsel reads up to {FORMAT_VERSION}: upgrade compsel"
            )
        self.kind = properties["compsel.selector"]
        self.n_features = self._session.get_inputs()[0].shape[1]
        self.n_choices = self._session.get_outputs()[1].shape[1]

    def select(self, features: npt.ArrayLike) -> int:
        """Select for one sample.

        Args:
            features: float (n_features,), NaN where not known.

        Raises:
            SelectorError: another shape.
        """
        row = np.asarray(features)
        if row.shape != (self.n_features,):
            raise SelectorError(f"features must have shape ({self.n_features},), got {row.shape}")
        return int(self.run(row[None] if row.dtype == np.float32 else check_features(row[None], "ExportedSelector"))[0])

    def predict(self, X: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Select for many samples: `X` float (n, n_features), answer int (n,).

        Raises:
            SelectorError: another shape.
        """
        return self.run(self._check(X)).astype(np.int64)

    def scores(self, X: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """What is compared, float32 (n, n_choices); the least is selected. The unit is the selector's own."""
        scores: npt.NDArray[np.float32] = self._session.run([SCORES], {FEATURES: self._check(X)})[0]
        return scores

    def run(self, X: FeatureMatrix) -> npt.NDArray[np.int64]:
        """As `predict`, for a float32 matrix of the right shape; nothing is checked."""
        chosen: npt.NDArray[np.int64] = self._session.run(_CHOICE_ONLY, {FEATURES: X})[0]
        return chosen

    def _check(self, X: npt.ArrayLike) -> FeatureMatrix:
        matrix = check_features(X, "ExportedSelector")
        if matrix.shape[1] != self.n_features:
            raise SelectorError(f"X must have {self.n_features} features, got {matrix.shape[1]}")
        return matrix

    def __reduce__(self) -> tuple[type[Self], tuple[bytes]]:
        return type(self), (self._model,)
