"""When a policy shall rather not choose, or not answer: off unless asked for."""

from dataclasses import dataclass

from compsel.errors import ObjectiveError

__all__ = ["RejectOption"]


@dataclass(frozen=True, slots=True)
class RejectOption:
    """What a cascade does with inputs that it should not judge.

    Attributes:
        credibility: inputs with a p-value below it are unlike the training samples, and go to the most accurate
            uncompressed variant; so many of the usual inputs do too. 0: the policy chooses for all.
        abstain_below: answers that are right with less than this probability are flagged as abstained, and count as
            wrong wherever answers are counted. 0: none is.

    Raises:
        ObjectiveError: a value that is not allowed.

    >>> RejectOption(credibility=0.01)
    RejectOption(credibility=0.01, abstain_below=0.0)
    >>> RejectOption(abstain_below=2)
    Traceback (most recent call last):
    compsel.errors.ObjectiveError: abstain_below: got 2, allowed is a share from 0 to below 1
    """

    credibility: float = 0.0
    abstain_below: float = 0.0

    def __post_init__(self) -> None:
        for name in ("credibility", "abstain_below"):
            if not 0 <= getattr(self, name) < 1:
                raise ObjectiveError(f"{name}: got {getattr(self, name)}, allowed is a share from 0 to below 1")
