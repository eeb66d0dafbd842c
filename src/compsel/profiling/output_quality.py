"""How good the outputs of a model without class scores are: like those of the uncompressed model, or as a user says."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compsel.errors import ProfileError, SelectorError
from compsel.features.confidence import Confidence, OutputReader, code_hash, function_of, name_of

__all__ = ["COSINE", "FIDELITY", "OutputQuality", "Quality", "QualityCriterion"]

FIDELITY, COSINE = "fidelity", "cosine"
GOOD_ENOUGH = 0.9
# takes the outputs of one inference and what the sample says is right, gives a number from 0 to 1
Quality = Callable[[list[np.ndarray], Any], float]


@dataclass(frozen=True, slots=True)
class QualityCriterion:
    """How a profile was judged, in words.

    Attributes:
        quality: "fidelity", "cosine", or the name of a user's function.
        confidence: "generic", or the name of a user's function.
        good_enough: an answer of at least this quality counts as right.
        reference: name of the variant whose outputs the others are compared with; "" where a user's function judges.

    >>> QualityCriterion.from_dict(QualityCriterion(good_enough=0.95).to_dict()).good_enough
    0.95
    """

    quality: str = FIDELITY
    confidence: str = "generic"
    good_enough: float = GOOD_ENOUGH
    reference: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "QualityCriterion":
        """Read the JSON form."""
        return cls(
            str(content["quality"]),
            str(content["confidence"]),
            float(content["good_enough"]),
            str(content["reference"]),
        )


class OutputQuality:
    """Judges outputs, and reads what they are evidence for.

    Args:
        quality: "fidelity": 1 minus the relative (Euclidean) error to the outputs of the uncompressed model, at least
            0. "cosine": of the angle to them, at least 0. Or a function (or "module:function") that takes the outputs
            of one inference and what the sample says is right (`Samples.target`), and gives 0 (useless) to 1 (right).
            None: fidelity.
        confidence: see `OutputReader`.
        good_enough: an answer of at least this quality counts as right. None: 0.9.

    Raises:
        SelectorError: something that is no function. ProfileError: a `good_enough` that is no share.

    >>> OutputQuality(lambda outputs, target: 1 - abs(outputs[0].item() - target)).quality([np.array([0.75])], None, 1.0)
    0.75
    >>> OutputQuality("cosine").quality([np.array([1.0, 0.0])], [np.array([2.0, 0.0])], None)
    1.0
    """

    def __init__(
        self,
        quality: Quality | str | None = None,
        confidence: Confidence | str | None = None,
        good_enough: float | None = None,
    ) -> None:
        self.good_enough = GOOD_ENOUGH if good_enough is None else good_enough
        if not 0 < self.good_enough <= 1:
            raise ProfileError(f"good_enough: got {good_enough}, allowed is a quality above 0, at most 1")
        #: whether somebody has said that these models give no class scores
        self.asked = any(given is not None for given in (quality, confidence, good_enough))
        self.reader = OutputReader(confidence)
        self._word = FIDELITY if quality is None else quality if quality in (FIDELITY, COSINE) else ""
        self._function = None if self._word else function_of(quality, "quality")

    @property
    def uses_targets(self) -> bool:
        """Whether a user's function judges, by what the samples say is right."""
        return self._function is not None

    @property
    def name(self) -> str:
        """What judges."""
        return str(self._word) if self._function is None else name_of(self._function)

    @property
    def identity(self) -> str:
        """What judged and what gave the confidence, with hashes of their source code."""
        code = "" if self._function is None else code_hash(self._function)
        return f"{self.name} {code} | {self.reader.identity}"

    def judging(self, reference: str) -> QualityCriterion:
        """Return it in words; `reference` is the name of the variant that others were compared with."""
        return QualityCriterion(self.name, self.reader.name, self.good_enough, "" if self.uses_targets else reference)

    def quality(self, outputs: list[np.ndarray], wanted: Sequence[np.ndarray] | None, target: Any) -> float:
        """Return the quality of the outputs of one inference, from 0 to 1.

        Args:
            outputs: of the inference.
            wanted: outputs of the reference; None where a user's function judges.
            target: what the sample says is right.

        Raises:
            SelectorError: the function failed, or gave something else than a number from 0 to 1.
        """
        if self._function is None:
            assert wanted is not None
            return _agreement(outputs, wanted, cosine=self._word == COSINE)
        try:
            given = float(self._function(outputs, target))
        except Exception as error:  # whatever a user's function raises
            raise SelectorError(f"quality {self.name}: failed with {error!r}: mend the function") from error
        if not 0 <= given <= 1:
            raise SelectorError(f"quality {self.name}: gave {given}, allowed is a number from 0 to 1")
        return given


def _agreement(outputs: Sequence[np.ndarray], wanted: Sequence[np.ndarray], *, cosine: bool) -> float:
    if len(outputs) != len(wanted) or any(
        np.shape(got) != np.shape(want) for got, want in zip(outputs, wanted, strict=True)
    ):
        return 0.0
    numbers = [
        (got.astype(np.float64).ravel(), want.astype(np.float64).ravel())
        for got, want in zip(outputs, wanted, strict=True)
        if isinstance(want, np.ndarray) and want.dtype.kind in "fiub"
    ]
    if not numbers:
        return float(all(np.array_equal(got, want) for got, want in zip(outputs, wanted, strict=True)))
    got, want = (np.concatenate(parts) for parts in zip(*numbers, strict=True))
    found = _cosine(got, want) if cosine else 1.0 - _length(got - want) / max(_length(want), 1e-12)
    return min(max(0.0, found), 1.0) if np.isfinite(found) else 0.0


def _cosine(got: NDArray[np.float64], want: NDArray[np.float64]) -> float:
    lengths = _length(got) * _length(want)
    return float(got @ want) / lengths if lengths > 0 else float(np.array_equal(got, want))


def _length(values: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(values))
