"""Verification of a variant against its model: what does not load, run or agree is never shipped."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from compsel.errors import CrashError, InputError, ModelError, one_line
from compsel.features.tasks import recognise
from compsel.features.tasks.graph_facts import facts_of
from compsel.inputs.feeds import feeds_of
from compsel.inputs.samples import Samples
from compsel.inputs.tensor_specs import TensorSpec
from compsel.models.exported_outputs import read_as_graph
from compsel.models.graph_session import open_session
from compsel.models.model import Model
from compsel.models.output_structure import flat_output
from compsel.models.synthetic_inputs import synthetic_inputs
from compsel.variants.answer_channels import channel_axes, passed_through
from compsel.variants.error_bounds import is_spread, ruined, unexplained
from compsel.variants.output_agreement import OutputAgreement, invalid_output

__all__ = ["Verification", "Verifier", "verify"]

Value = np.ndarray | str | Mapping[str, np.ndarray]
# by sample: the outputs of the model, and those of the variant
Pairs = list[tuple[list[Any], list[Any]]]
_SAMPLES = 32
_NOT_VERIFIED = "not verified"
# below both, a variant explains less than a quarter of the variance of its model's output (0.5 squared) and names
# another class for most samples: it has become another function, not a less precise one
_LEAST_CORRELATION = 0.5
_LEAST_AGREEMENT = 0.5


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
        relative_error: Euclidean distance of a floating-point output from the model's over the norm of that, the
            largest; None without any.
        channel_error: of the outputs with channels (of three axes or more), the largest error of a channel over the
            size of that channel; None without any.
        mendable: whether it might be shipped if some nodes were left as they are; only where it is not `ok`.

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
    channel_error: float | None = None
    mendable: bool = True


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
        facts = facts_of(original)
        self._task = recognise(facts)
        self._passed = passed_through(original)
        self._exclusive = [index for index, one in enumerate(facts.outputs) if one.activation == "Softmax"]
        # what a softmax runs along, or the axis that the last layer makes
        told = (one.axis if one.activation == "Softmax" else None for one in facts.outputs)
        self._axes = [made if axis is None else axis for axis, made in zip(told, channel_axes(original), strict=True)]
        self._samples = None if samples is None or len(samples) == 0 else samples.spread(_SAMPLES)
        self._synthetic: Sequence[Value] = ()
        self._not_verified = ""
        if self._samples is None:
            try:
                self._synthetic = synthetic_inputs(original)
            except InputError as error:
                self._not_verified = f"{_NOT_VERIFIED}: {error}"
        self._reference = _outputs(original, self._values())

    @property
    def gives_nan(self) -> bool:
        """Whether the model itself gives NaN for one of its samples."""
        arrays = (array for outputs in self._reference for output in outputs for array in flat_output(output))
        return any(array.dtype.kind == "f" and bool(np.isnan(array).any()) for array in arrays)

    def promised(self, specs: Sequence[TensorSpec]) -> tuple[TensorSpec, ...]:
        """Return specifications of the outputs without shapes that the model declares and does not keep to."""
        return (
            tuple(
                replace(spec, shape=None) if any(not _keeps(spec, output) for output in given) else spec
                for spec, given in zip(specs, zip(*self._reference, strict=True), strict=True)
            )
            if self._reference
            else tuple(specs)
        )

    def check(self, variant: Model, graph: onnx.ModelProto | Path, as_file: bool = False) -> Verification:
        """Run a variant, with its own preprocessing, and compare.

        Args:
            variant: of which inputs, outputs and preprocessing are looked at.
            graph: what is run: its graph, or the file of that.
            as_file: whether that has the outputs of the model's own file (`with_file_outputs`).
        """
        if self._not_verified:
            # the model itself needs no verification
            return self._result(variant.technique == self._technique, self._not_verified, mendable=False)
        pairs: Pairs = []
        try:
            session = open_session(graph)
        except ModelError as error:
            return self._result(False, str(error))
        own = [spec.name for spec in variant.outputs]  # the file may have more: what says how sure it is
        exported = variant.exported_outputs if as_file else ()
        names = [one.name for one in exported] or own
        for value, want in zip(self._values(), self._reference, strict=True):
            try:
                got = [*read_as_graph(exported, own, session.run(names, feeds_of(variant, value)))]
            except Exception as error:  # ONNX Runtime's exceptions have no common base
                return self._result(False, f"it does not run: {one_line(error)}", len(pairs))
            pairs.append((want, got))
            reason = invalid_output(want, got, same_size=variant.preprocessing == self._preprocessing)
            if reason:
                return self._result(False, reason, len(pairs))
        return self._compared(pairs, variant)

    def _compared(self, pairs: Pairs, variant: Model) -> Verification:
        found = OutputAgreement(pairs, self._task, self._axes, self._passed, self._exclusive)
        channel = found.channel_error
        if found.nothing:
            reason = f"{_NOT_VERIFIED}: {found.nothing} for any sample"
            return self._result(variant.technique == self._technique, reason, len(pairs), mendable=False)
        sizes = _not_compared(found)
        function = sizes or found.constant() or _other_function(found.agreement, found.correlation)
        error = function or unexplained(variant.technique, found, classes=self._task.classes)
        reason = error or ruined(variant.technique, channel)
        whole = bool(sizes) or (bool(error) and not function and is_spread(variant.technique))
        return Verification(
            not reason,
            reason,
            found.agreement,
            found.correlation,
            len(pairs),
            self._samples is None,
            found.relative_error,
            None if channel is None else channel[2],
            not whole,
        )

    def _values(self) -> Iterable[Value]:
        return self._synthetic if self._samples is None else (sample.value for sample in self._samples)

    def _result(self, ok: bool, reason: str, samples: int = 0, *, mendable: bool = True) -> Verification:
        """Return a verification that came to no figures."""
        return Verification(ok, reason, None, None, samples, self._samples is None, mendable=mendable)


def verify(variant: Model, original: Model, samples: Samples | None = None) -> Verification:
    """Run a variant beside its model on up to 32 samples, each with its own preprocessing.

    A variant is refused when it does not load or run, gives values that are not finite where the model's are, or has
    outputs of another type or shape; when its output is the same for all inputs and the model's is not; when it is
    another function: the correlation of an output with the model's is below 0.5, and its top class agrees on less
    than half of the samples; when its error is larger than what its technique can cause by rounding; and when the
    error of a channel is as large as the channel.

    Args:
        variant: what a technique made.
        original: what it was made of.
        samples: see `Verifier`.

    Raises:
        ModelError: the original does not load, or does not run on the samples.
    """
    return Verifier(original, samples).check(variant, variant.proto)


def _outputs(original: Model, values: Iterable[Value]) -> list[list[np.ndarray]]:
    try:
        session = open_session(original.proto)
    except CrashError as error:
        raise CrashError(f"{original.name!r}: {error}") from error
    outputs = []
    for value in values:
        feeds = feeds_of(original, value)
        try:
            outputs.append(session.run(None, feeds))
        except Exception as error:  # ONNX Runtime's exceptions have no common base
            raise ModelError(f"{original.name!r} does not run: {one_line(error)}") from error
    return outputs


def _not_compared(found: OutputAgreement) -> str:
    if not found.not_compared:
        return ""
    names = ", ".join(map(str, found.not_compared))
    return f"its output {names} has another size than the model's and cannot be compared with it"


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


def _keeps(spec: TensorSpec, output: Any) -> bool:
    return not isinstance(output, np.ndarray) or spec.allows_shape(output.shape)
