"""How far the outputs of a variant agree with its model's: over all samples, whatever their lengths, and by channel."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np

from compsel.features.tasks.base import Task
from compsel.features.tasks.multiclass import Multiclass
from compsel.models.output_comparison import pearson_correlation, relative_error
from compsel.models.output_structure import flat_output

__all__ = ["OutputAgreement", "invalid_output"]

# an output whose deviation over the samples is a thousandth of the model's is constant but for rounding
_LEAST_RELATIVE_DEVIATION = 1e-3
# channels smaller than this beside the largest one are noise
_LEAST_CHANNEL = 1e-6
# samples whose output has less than this share of the usual norm say little: their error is that of larger ones
_LEAST_SAMPLE = 0.1

# of one output: what the model and the variant give for each sample
Pairs = Sequence[tuple[np.ndarray, np.ndarray]]


def invalid_output(wanted: Sequence[Any], got: Sequence[Any], same_size: bool) -> str:
    """Say what is wrong with the outputs for one sample; "" where types, shapes and values are valid.

    Args:
        wanted: outputs of the model.
        got: of the variant.
        same_size: whether the variant is fed tensors of the same shapes.
    """
    for index, (want, have) in enumerate(zip(wanted, got, strict=True)):
        parts, others = flat_output(want), flat_output(have)
        if len(parts) != len(others):
            return f"output {index} has {len(others)} parts, the model's has {len(parts)}"
        for ours, theirs in zip(others, parts, strict=True):
            if reason := _invalid_part(ours, theirs, same_size):
                return f"output {index} {reason}"
    return ""


def _invalid_part(have: np.ndarray, want: np.ndarray, same_size: bool) -> str:
    if (have.dtype.kind, have.dtype.itemsize) != (want.dtype.kind, want.dtype.itemsize) and want.dtype.kind in "fiubc":
        return f"has type {have.dtype}, the model's has {want.dtype}"
    if have.shape != want.shape and (same_size or have.ndim != want.ndim):
        return f"has shape {have.shape}, the model's has {want.shape}"
    if want.dtype.kind == "f" and not np.isfinite(have[_finite(want, have)]).all():
        return "is not finite (NaN or overflow)"
    return ""


def _finite(want: np.ndarray, have: np.ndarray) -> np.ndarray:
    """Tell where a variant has to be finite: where the model is."""
    return np.isfinite(want) if want.shape == have.shape else np.full(have.shape, bool(np.isfinite(want).all()))


class OutputAgreement:
    """Outputs of a model and a variant on the same samples, compared.

    Args:
        pairs: by sample: the outputs of the model, and those of the variant, valid ones (`invalid_output`).
        task: what the outputs decide; None: the first one the top class.
        channel_axes: the axis of each output that has its channels; None: the shorter of its second and last axis.
        passed: indices of the outputs that are inputs of the model: where they are the same they count for nothing.
        exclusive: indices of the outputs that are probabilities of exclusive classes.

    Attributes:
        not_compared: indices of the outputs that have other sizes than the model's.

    >>> found = OutputAgreement([([np.array([[1.0, 2.0]])], [np.array([[1.0, 2.5]])])])
    >>> found.agreement, round(found.relative_error, 3)
    (1.0, 0.224)
    """

    def __init__(
        self,
        pairs: Sequence[tuple[Sequence[Any], Sequence[Any]]],
        task: Task | None = None,
        channel_axes: Sequence[int | None] = (),
        passed: Collection[int] = (),
        exclusive: Collection[int] = (),
    ) -> None:
        self._pairs, self._task, self._axes = pairs, task or Multiclass(), channel_axes
        self._exclusive = exclusive
        self._passed: set[int] = set()
        self._outputs: dict[int, Pairs] = {}
        self.not_compared: list[int] = []
        for index in range(len(pairs[0][0]) if pairs else 0):
            parts = [
                (want, have)
                for wanted, got in pairs
                for want, have in zip(flat_output(wanted[index]), flat_output(got[index]), strict=True)
            ]
            if any(want.shape != have.shape for want, have in parts):
                self.not_compared.append(index)
            elif index in passed and all(np.array_equal(want, have) for want, have in parts):
                self._passed.add(index)
            else:
                self._outputs[index] = parts

    @property
    def agreement(self) -> float | None:
        """Share of samples that decide the same, or of equal whole numbers and texts; None without such outputs."""
        shares = [
            float(np.mean(np.concatenate([np.ravel(want == have) for want, have in parts])))
            for parts in self._outputs.values()
            if all(want.dtype.kind != "f" for want, _ in parts) and any(want.size for want, _ in parts)
        ]
        same = [] if self.not_compared else [self._same_decisions(*pair) for pair in self._pairs]
        decided = [one for one in same if one is not None]
        if decided and len(decided) == len(same):
            shares += [float(np.mean(np.concatenate(decided)))]
        return min(shares, default=None)

    def _same_decisions(self, wanted: Sequence[Any], got: Sequence[Any]) -> np.ndarray | None:
        told = (one for outputs in (wanted, got) for place, one in enumerate(outputs) if place not in self._passed)
        if not all(isinstance(one, np.ndarray) and one.dtype.kind == "f" and one.size for one in told):
            return None
        return self._task.same_decisions(got, wanted)

    @property
    def correlation(self) -> float | None:
        """Least Pearson correlation of a floating-point output with the model's; None without any."""
        return min((pearson_correlation(have, want) for want, have in self._joined()), default=None)

    @property
    def relative_error(self) -> float | None:
        """Distance of a floating-point output from the model's over the norm of that, the largest; None without any."""
        errors = [_relative_error(want, have) for want, have in self._joined()]
        return max((error for error in errors if error is not None), default=None)

    @property
    def sample_error(self) -> float | None:
        """The same of a single sample, the largest; samples whose output is small beside others are left out."""
        worst = None
        for parts in self._outputs.values():
            floats = [(np.ravel(want), np.ravel(have)) for want, have in parts if want.dtype.kind == "f" and want.size]
            norms = np.array([float(np.linalg.norm(want[np.isfinite(want)].astype(np.float64))) for want, _ in floats])
            least = _LEAST_SAMPLE * float(np.sqrt(np.mean(np.square(norms)))) if floats else 0.0
            for norm, (want, have) in zip(norms, floats, strict=True):
                error = _relative_error(want, have) if norm >= least else None
                worst = error if worst is None else max(worst, error or 0.0)
        return worst

    @property
    def nothing(self) -> str:
        """Say why there is nothing to compare; "" where there is something."""
        parts = [want for outputs in self._outputs.values() for want, _ in outputs]
        if self.not_compared or (self._passed and not parts):
            return ""
        if not any(want.size for want in parts):
            return "every output of its model is empty"
        if not any(want.dtype.kind != "f" or np.isfinite(want).any() for want in parts if want.size):
            return "no output of its model holds a finite number"
        return ""

    @property
    def channel_error(self) -> tuple[int, int, float] | None:
        """The output and the channel that is ruined most, and its error relative to its own size.

        None where no output has channels. Class scores (samples, classes) have none, nor
        have probabilities of more classes than there are places: the classes that were not meant are noise there.
        """
        worst: tuple[int, int, float] | None = None
        for index, parts in self._outputs.items():
            axis = self._channel_axis(index, parts)
            if axis is None:
                continue
            errors = _channel_errors(parts, axis)
            channel = int(errors.argmax())
            if worst is None or errors[channel] > worst[2]:
                worst = index, channel, float(errors[channel])
        return worst

    def _channel_axis(self, index: int, parts: Pairs) -> int | None:
        first = parts[0][0]
        if first.dtype.kind != "f" or first.ndim < 3 or len({want.ndim for want, _ in parts}) != 1:
            return None
        told = self._axes[index] if index < len(self._axes) else None
        axes = [told] if told is not None else [1, first.ndim - 1]
        same = [axis for axis in axes if len({want.shape[axis] for want, _ in parts}) == 1 and first.shape[axis] > 1]
        axis = min(same, key=lambda axis: first.shape[axis], default=None)
        if index in self._exclusive and axis is not None and first.shape[axis] ** 2 > first.size:
            return None
        return axis

    def constant(self) -> str:
        """Say which output no longer depends on the input though the model's does; "" for none."""
        for index, parts in self._outputs.items():
            if parts[0][0].dtype.kind != "f":
                continue
            if len({want.shape for want, _ in parts}) == 1:
                want, have = (np.stack(arrays).astype(np.float64) for arrays in zip(*parts, strict=True))
                deviations = [float(np.nan_to_num(one.std(axis=0)).max(initial=0.0)) for one in (have, want)]
            else:
                joined = (np.concatenate([np.ravel(pair[place]) for pair in parts]) for place in (1, 0))
                deviations = [float(np.nan_to_num(one.astype(np.float64).std())) for one in joined]
            if deviations[0] < _LEAST_RELATIVE_DEVIATION * deviations[1]:
                return f"its output {index} no longer depends on the input"
        return ""

    def _joined(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Give the values of each floating-point output over all samples, of the model and of the variant."""
        for parts in self._outputs.values():
            floats = [(want, have) for want, have in parts if want.dtype.kind == "f" and want.size]
            if floats:
                want, have = (
                    np.concatenate([np.ravel(array).astype(np.float64) for array in arrays])
                    for arrays in zip(*floats, strict=True)
                )
                yield want, have


def _relative_error(want: np.ndarray, have: np.ndarray) -> float | None:
    """Return the relative error where both are finite; None where the model gives zeros."""
    finite = np.isfinite(want) & np.isfinite(have)
    if not want[finite].any():
        return None
    error = relative_error(have[finite].astype(np.float64), want[finite].astype(np.float64))
    return error if np.isfinite(error) else None


def _channel_errors(parts: Pairs, channels: int) -> np.ndarray:
    """Return the error of each channel (of this axis) over the size of that channel, over all samples: (channels,)."""
    squares = np.zeros((2, parts[0][0].shape[channels]))
    for want, have in parts:
        axes = tuple(axis for axis in range(want.ndim) if axis != channels)
        wide = want.astype(np.float64)
        squares += np.stack([np.square(have - wide).sum(axis=axes), np.square(wide).sum(axis=axes)])
    errors, sizes = np.sqrt(squares)
    largest = sizes.max(initial=0.0)
    return np.where(sizes > _LEAST_CHANNEL * largest, errors / np.maximum(sizes, np.finfo(float).tiny), 0.0)
