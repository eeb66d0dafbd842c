"""Verification of a variant against its model: what does not load, run or agree is never shipped."""

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
from compsel.models.output_comparison import pearson_correlation, relative_error, same_top_class
from compsel.models.synthetic_inputs import synthetic_inputs

__all__ = ["Verification", "Verifier", "verify"]

Value = np.ndarray | str | Mapping[str, np.ndarray]
# by sample: the outputs of the model, and those of the variant
Pairs = list[tuple[list[np.ndarray], list[np.ndarray]]]
# by output: its values for all samples, (samples, values), of the model and of the variant
Columns = list[tuple[np.ndarray, np.ndarray]]
_SAMPLES = 32
# below both, a variant explains less than a quarter of the variance of its model's output (0.5 squared) and names
# another class for most samples: it has become another function, not a less precise one
_LEAST_CORRELATION = 0.5
_LEAST_AGREEMENT = 0.5
# an output whose deviation over the samples is a thousandth of the model's is constant but for rounding
_LEAST_RELATIVE_DEVIATION = 1e-3


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
        synthetic: whether those were generated, for want of samples.
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


class Verifier:
    """Compares variants with their model on up to 32 samples; of the model, only its outputs are kept.

    Args:
        original: the model.
        samples: inputs; without any, generated ones (`synthetic_inputs`), and where the model runs on none of those,
            only the model itself may be shipped.

    Raises:
        ModelError: the model does not load, or does not run on the samples.

    >>> from compsel.networks import build
    >>> model = build("mobilenet-v1", width=0.25, resolution=32)
    >>> Verifier(model, None).check(model, model.proto).ok
    True
    """

    def __init__(self, original: Model, samples: Samples | None) -> None:
        self._technique, self._preprocessing = original.technique, original.preprocessing
        self._samples = None if samples is None or len(samples) == 0 else samples.spread(_SAMPLES)
        self._synthetic: Sequence[Value] = ()
        self._not_verified = ""
        if self._samples is None:
            try:
                self._synthetic = synthetic_inputs(original)
            except InputError as error:
                self._not_verified = f"not verified: {error}"
        self._reference = _outputs(original, self._values())

    def check(self, variant: Model, graph: onnx.ModelProto | Path) -> Verification:
        """Run a variant, with its own preprocessing, and compare.

        Args:
            variant: of which inputs and preprocessing are looked at.
            graph: what is run: its graph, or the file of that.
        """
        if self._not_verified:
            # the model itself needs no verification
            return self._result(variant.technique == self._technique, self._not_verified)
        pairs: Pairs = []
        try:
            session = open_session(graph)
        except ModelError as error:
            return self._result(False, str(error))
        names = [spec.name for spec in variant.outputs]  # the file may have more: what says how sure it is
        for value, want in zip(self._values(), self._reference, strict=True):
            try:
                got = session.run(names, feeds_of(variant, value))
            except Exception as error:  # ONNX Runtime's exceptions have no common base
                return self._result(False, f"it does not run: {_short(error)}", len(pairs))
            pairs.append((want, got))
            reason = _invalid(want, got, same_size=variant.preprocessing == self._preprocessing)
            if reason:
                return self._result(False, reason, len(pairs))
        floats = _comparable(pairs, "f")
        agreement, correlation = _agreement(pairs), _correlation(floats)
        reason = _constant(floats) or _other_function(agreement, correlation)
        return Verification(
            not reason, reason, agreement, correlation, len(pairs), self._samples is None, _relative_error(floats)
        )

    def _values(self) -> Iterable[Value]:
        return self._synthetic if self._samples is None else (sample.value for sample in self._samples)

    def _result(self, ok: bool, reason: str, samples: int = 0) -> Verification:
        """Return a verification that came to no figures."""
        return Verification(ok, reason, None, None, samples, self._samples is None)


def verify(variant: Model, original: Model, samples: Samples | None = None) -> Verification:
    """Run a variant beside its model on up to 32 samples, each with its own preprocessing.

    A variant is refused when it does not load or run, gives values that are not finite where the model's are, or has
    outputs of another shape; when its output is the same for all inputs and the model's is not; and when it is
    another function: the correlation of an output with the model's is below 0.5, and its top class agrees on less
    than half of the samples.

    Args:
        variant: what a technique made.
        original: what it was made of.
        samples: see `Verifier`.

    Raises:
        ModelError: the original does not load, or does not run on the samples.
    """
    return Verifier(original, samples).check(variant, variant.proto)


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


def _invalid(wanted: Sequence[np.ndarray], got: Sequence[np.ndarray], same_size: bool) -> str:
    """Say what is wrong with the outputs for one sample; "" where their shapes and values are valid."""
    for index, (want, have) in enumerate(zip(wanted, got, strict=True)):
        if not isinstance(want, np.ndarray) or want.dtype.kind not in "fiub":
            continue
        if np.shape(want) != np.shape(have) and same_size:
            return f"output {index} has shape {np.shape(have)}, the model's has {np.shape(want)}"
        if want.dtype.kind == "f" and np.isfinite(want).all() and not np.isfinite(have).all():
            return f"output {index} is not finite (NaN or overflow)"
    return ""


def _comparable(pairs: Pairs, kinds: str) -> Columns:
    """Return the outputs of these kinds of numbers that have the same shape for the model and the variant."""
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
        shares += [float(np.mean(same_top_class(have, want))) for want, have in scores]
    return min(shares, default=None)


def _correlation(outputs: Columns) -> float | None:
    return min((pearson_correlation(have.ravel(), want.ravel()) for want, have in outputs), default=None)


def _relative_error(outputs: Columns) -> float | None:
    if not any(want.any() for want, _ in outputs):
        return None
    error = relative_error(
        np.concatenate([have.ravel() for _, have in outputs]), np.concatenate([want.ravel() for want, _ in outputs])
    )
    return error if np.isfinite(error) else None


def _constant(outputs: Columns) -> str:
    for index, (want, have) in enumerate(outputs):
        if have.std(axis=0).max() < _LEAST_RELATIVE_DEVIATION * want.std(axis=0).max():
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
