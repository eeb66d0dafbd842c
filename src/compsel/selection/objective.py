"""What "best" means: what to minimise, under which floor of quality."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Literal, get_args

from compsel.errors import ObjectiveError, did_you_mean
from compsel.selection.goals import parse_goal
from compsel.values import dataclass

__all__ = ["Objective", "Quantity"]

CONFIDENCE_95 = 1.645  # standard errors: 95 %, one-sided
_LEAST_MARGIN, _DISCORDANT = 0.002, 0.05
Quantity = Literal["latency", "energy", "energy_delay", "memory"]


@dataclass(frozen=True, slots=True)
class Objective:
    """Minimise a cost under a floor of quality.

    Attributes:
        minimize: "latency", or "energy", which needs a meter. Energy-delay product and memory are measured, but a
            policy of several stages cannot minimise them: neither is the sum of what its stages take.
        max_loss: how much less accurate than the most accurate uncompressed network it may be, as a fraction of all
            answers (0.01 is one in a hundred); None sets no floor.
        min_quality: absolute floor, in addition; None sets none.
        penalty: cost of one wrong answer in the unit of what is minimised (ms for latency, mJ for energy). None
            takes ten inferences of the most accurate uncompressed network.
        margin: of non-inferiority, as a fraction of all answers: with 95 % confidence a policy lies less than so much
            below the floor. None: what so many samples can show (`margin_with`).

    Raises:
        ObjectiveError: a value that is not allowed.

    >>> Objective(max_loss=0.01)
    Objective(minimize='latency', max_loss=0.01, min_quality=None, penalty=None, margin=None)
    >>> Objective(minimize="beauty")
    Traceback (most recent call last):
    compsel.errors.ObjectiveError: minimize: got 'beauty', allowed are latency, energy, energy_delay, memory
    """

    minimize: Quantity = "latency"
    max_loss: float | None = 0.0
    min_quality: float | None = None
    penalty: float | None = None
    margin: float | None = None

    def __post_init__(self) -> None:
        if self.minimize not in get_args(Quantity):
            allowed = get_args(Quantity)
            near = did_you_mean(self.minimize, allowed)
            raise ObjectiveError(f"minimize: got {self.minimize!r}, allowed are {', '.join(allowed)}{near}")
        for name in ("max_loss", "min_quality", "margin"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ObjectiveError(f"{name}: got {value}, allowed is a fraction from 0 to 1")
        if self.penalty is not None and not 0 < self.penalty < math.inf:
            raise ObjectiveError(f"penalty: got {self.penalty}, allowed is a cost above 0")

    @classmethod
    def from_goal(cls, text: str, *, penalty: float | None = None) -> "Objective":
        """Read a goal in words (`compsel.selection.goals.parse_goal`); without a floor it is the best single network's.

        Raises:
            ObjectiveError: words that are not understood, or a goal that no choosing can promise.

        >>> Objective.from_goal("at most 1 % less accurate, as fast as possible").max_loss
        0.01
        """
        goal = parse_goal(text)
        if goal.max_latency_ratio is not None:
            raise ObjectiveError(
                f"goal: got {text!r}, allowed here are a loss, an accuracy and what to minimise: a share of the "
                "time is for compressing one model"
            )
        floor = goal.max_loss if goal.max_loss is not None or goal.min_quality is not None else 0.0
        return cls(goal.minimize, floor, goal.min_quality, penalty=penalty)  # type: ignore[arg-type]  # checked on construction

    def check_measured(self, *, energy: bool = False) -> None:
        """Raise ObjectiveError unless what is minimised is measured.

        Args:
            energy: whether the energy of the choices is known.
        """
        if self.minimize == "energy" and not energy:
            raise ObjectiveError(
                "minimize: got 'energy', allowed is 'latency': no energy was measured, for want of a meter (compsel "
                "devices says why); where a rough figure will do, measure with --meter estimate:W"
            )
        if self.minimize not in ("latency", "energy"):
            raise ObjectiveError(
                f"minimize: got {self.minimize!r}, allowed are 'latency' and, with a meter, 'energy': what stages take "
                "does not add up to it"
            )

    @property
    def has_floor(self) -> bool:
        """Whether there is a least quality."""
        return self.max_loss is not None or self.min_quality is not None

    def margin_with(self, n: int) -> float:
        """Return the margin that holds with n samples.

        Where none was asked for: the half-width (95 %, one-sided) of a paired difference where one answer in twenty
        differs, at least 0.002: the more samples, the stricter.

        >>> [round(Objective().margin_with(n), 3) for n in (60, 600, 6000)]
        [0.047, 0.015, 0.005]
        """
        if self.margin is not None:
            return self.margin
        return max(_LEAST_MARGIN, CONFIDENCE_95 * math.sqrt(_DISCORDANT / max(n, 1)))

    def floor(self, most_accurate: float) -> float:
        """Return the least quality allowed, given that of the most accurate uncompressed network."""
        relative = -1.0 if self.max_loss is None else most_accurate - self.max_loss
        return max(relative, self.min_quality or 0.0, 0.0)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Objective":
        """Read the JSON form."""
        return cls(**content)
