"""Does a variant still say what its model says? What does not load, run or agree is never shipped."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from compsel.errors import InputError, ModelError
from compsel.inputs.feeds import feeds_of
from compsel.inputs.samples import Samples
from compsel.models.graph_session import open_session
from compsel.models.model import Model
from compsel.models.synthetic_inputs import synthetic_inputs

__all__ = ["Expectation", "Verification", "verify"]

# by sample: the outputs of the model, and those of the variant
Value = np.ndarray | Mapping[str, np.ndarray]
Pairs = list[tuple[list[np.ndarray], list[np.ndarray]]]
_SAMPLES = 32
# below both, a variant tells less than a quarter of the variance of its model's output (0.5 squared) and names
# another class for most samples: it has become another function, not a less precise one
_LEAST_CORRELATION = 0.5
_LEAST_AGREEMENT = 0.5
_LEAST_SPREAD = 1e-3


@dataclass(frozen=True, slots=True)
class Verification:
    """How far a variant agrees with its model.

    Attributes:
        ok: whether it can be shipped.
        reason: why not; or, for the model itself, why it could not be run here; empty otherwise.
        agreement: share of samples with the same top class (or, for whole-number outputs, of equal numbers);
            None where no output can be read that way.
        correlation: least Pearson correlation of the floating-point outputs with the model's; None without any.
        samples: how many inputs were compared.
        synthetic: whether those were made up, for want of samples.
        relative_error: Euclidean distance of the floating-point outputs from the model's over the norm of those; None
            without any of the same shape.

    >>> from compsel.networks import build
    >>> model = build("mobilenet-v1", width=0.25, resolution=32)
    >>> verify(model, model).ok
    True
    """

    ok: bool
    reason: str
    agreement: float | None
    correlation: float | None
    samples: int
    synthetic: bool
    relative_error: float | None = None


class Expectation:
    """What a model says to up to 32 samples; its variants are verified with that, and need it no longer.

    Args:
        original: the model.
        samples: inputs; without any, made-up ones (`synthetic_inputs`), and where the model runs on none of those, only
            the model itself may be shipped.

    Raises:
        ModelError: the model does not load, or does not run on the samples.

    >>> from compsel.networks import build
    >>> model = build("mobilenet-v1", width=0.25, resolution=32)
    >>> Expectation(model, None).check(model, model.proto).ok
    True
    """

    def __init__(self, original: Model, samples: Samples | None) -> None:
        self._technique, self._preprocessing = original.technique, original.preprocessing
        self._samples = None if samples is None or len(samples) == 0 else samples.spread(_SAMPLES)
        self._made_up: Sequence[Value] = ()
        self._not_run = ""
        if self._samples is None:
            try:
                self._made_up = synthetic_inputs(original)
            except InputError as error:
                self._not_run = f"not verified: {error}"
        self._wanted = _outputs(original, self._values())

    def check(self, variant: Model, graph: onnx.ModelProto | Path) -> Verification:
        """Run a variant, with its own preprocessing, and compare.

        Args:
            variant: of which inputs and preprocessing are looked at.
            graph: what is run: its graph, or the file of that.
        """
        synthetic = self._samples is None
        if self._not_run:
            # what is the model itself needs no verification
            return Verification(variant.technique == self._technique, self._not_run, None, None, 0, synthetic)
        pairs: Pairs = []
        try:
            session = open_session(graph)
        except ModelError as error:
            return Verification(False, str(error), None, None, 0, synthetic)
        for value, want in zip(self._values(), self._wanted, strict=True):
            try:
                got = session.run(None, feeds_of(variant, value))
            except Exception as error:  # ONNX Runtime's exceptions have no common base
                return Verification(False, f"it does not run: {_short(error)}", None, None, len(pairs), synthetic)
            pairs.append((want, got))
            reason = _broken(want, got, same_size=variant.preprocessing == self._preprocessing)
            if reason:
                return Verification(False, reason, None, None, len(pairs), synthetic)
        agreement, correlation = _agreement(pairs), _correlation(pairs)
        reason = _constant(pairs) or _other_function(agreement, correlation)
        distance = _relative_error(pairs)
        return Verification(not reason, reason, agreement, correlation, len(pairs), synthetic, distance)

    def _values(self) -> Iterable[Value]:
        return self._made_up if self._samples is None else (sample.value for sample in self._samples)


def verify(variant: Model, original: Model, samples: Samples | None = None) -> Verification:
    """Run a variant beside its model on up to 32 samples, each with its own preprocessing.

    A variant is refused when it does not load or run, gives values that are not finite where the model's are, or has
    outputs of another shape; when its output is the same for all inputs and the model's is not; and when it is
    another function: the correlation of an output with the model's is below
    0.5, and its top class agrees on less than half of the samples.

    Args:
        variant: what a technique made.
        original: what it was made of.
        samples: see `Expectation`.

    Raises:
        ModelError: the original does not load, or does not run on the samples.
    """
    return Expectation(original, samples).check(variant, variant.proto)


def _outputs(original: Model, values: Iterable[Value]) -> list[list[np.ndarray]]:
    session = open_session(original.proto)
    outputs = []
    for value in values:
        feeds = feeds_of(original, value)
        try:
            outputs.append(session.run(None, feeds))
        except Exception as error:  # ONNX Runtime's exceptions have no common base
            raise ModelError(f"{original.name!r} does not run: {_short(error)}") from error
    return outputs


def _broken(wanted: Sequence[np.ndarray], got: Sequence[np.ndarray], same_size: bool) -> str:
    for index, (want, have) in enumerate(zip(wanted, got, strict=True)):
        if not isinstance(want, np.ndarray) or want.dtype.kind not in "fiub":
            continue
        if np.shape(want) != np.shape(have) and same_size:
            return f"output {index} has shape {np.shape(have)}, the model's has {np.shape(want)}"
        if want.dtype.kind == "f" and np.isfinite(want).all() and not np.isfinite(have).all():
            return f"output {index} is not finite (NaN or overflow)"
    return ""


def _comparable(pairs: Pairs, kinds: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return, by output, all samples' values of the model and of the variant, each (samples, values)."""
    result = []
    for index in range(len(pairs[0][0]) if pairs else 0):
        columns = [(wanted[index], got[index]) for wanted, got in pairs]
        if all(
            isinstance(want, np.ndarray) and want.dtype.kind in kinds and want.size and want.shape == have.shape
            for want, have in columns
        ):
            flat = [(want.ravel().astype(np.float64), have.ravel().astype(np.float64)) for want, have in columns]
            if len({len(want) for want, _ in flat}) == 1:
                result.append((np.stack([want for want, _ in flat]), np.stack([have for _, have in flat])))
    return result


def _agreement(pairs: Pairs) -> float | None:
    classifier = pairs and all(
        out.ndim == 2 and out.shape[1] > 1 for out in pairs[0][0][:1] if isinstance(out, np.ndarray)
    )
    shares = [float(np.mean(want == have)) for want, have in _comparable(pairs, "iub")]
    if classifier:
        scores = _comparable([(wanted[:1], got[:1]) for wanted, got in pairs], "f")
        shares += [float(np.mean(want.argmax(axis=1) == have.argmax(axis=1))) for want, have in scores]
    return min(shares, default=None)


def _correlation(pairs: Pairs) -> float | None:
    return min((_pearson(want.ravel(), have.ravel()) for want, have in _comparable(pairs, "f")), default=None)


def _relative_error(pairs: Pairs) -> float | None:
    outputs = _comparable(pairs, "f")
    distance = math.sqrt(sum(float(np.square(have - want).sum()) for want, have in outputs))
    norm = math.sqrt(sum(float(np.square(want).sum()) for want, _ in outputs))
    return distance / norm if norm > 0 and math.isfinite(distance / norm) else None


def _pearson(first: np.ndarray, second: np.ndarray) -> float:
    finite = np.isfinite(first) & np.isfinite(second)
    first, second = first[finite], second[finite]
    if first.size < 2:
        return 1.0
    first, second = first - first.mean(), second - second.mean()
    norm = np.linalg.norm(first) * np.linalg.norm(second)
    if norm == 0.0:
        # constant outputs: the same constant function, or not
        return float(np.allclose(np.linalg.norm(first), np.linalg.norm(second), atol=1e-6))
    return float(first @ second / norm)


def _constant(pairs: Pairs) -> str:
    for index, (want, have) in enumerate(_comparable(pairs, "f")):
        if have.std(axis=0).max() < _LEAST_SPREAD * want.std(axis=0).max():
            return f"its output {index} no longer depends on the input"
    return ""


def _other_function(agreement: float | None, correlation: float | None) -> str:
    agrees = agreement is not None and agreement >= _LEAST_AGREEMENT
    correlates = correlation is not None and correlation >= _LEAST_CORRELATION
    if agrees or correlates or (agreement is None and correlation is None):
        return ""
    parts = []
    if agreement is not None:
        parts.append(f"agrees with its model on {agreement:.0%} of the samples")
    if correlation is not None:
        parts.append(f"its output has a correlation of {correlation:.2f} with the model's")
    return f"it has become another function: {', '.join(parts)}"


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
