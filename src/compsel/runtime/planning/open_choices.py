"""Where a variant runs while it is not loaded where it would be cheapest: on a processor that it is loaded on."""

import math
import time
from collections.abc import Callable

from compsel.errors import ProcessorError
from compsel.runtime.adaptation.live_costs import ChoiceCosts, LiveCosts
from compsel.runtime.planning.planner import PlacedPlan

__all__ = ["OpenChoices"]

Choice = tuple[str, str]
# what is better for so long is worth the memory that it takes; the state of a device moves to and fro
_LASTS_S = 1.0
_MUCH = 2.0  # times as fast is worth it at once


class OpenChoices:
    """Keeps calls from opening engines: what is open is used; what stays better is opened behind, and used then.

    Args:
        live: costs of the choices.
        is_open: whether a choice (variant, processor) is loaded.
        open_behind: opens one, and does not wait for it.
    """

    def __init__(
        self, live: LiveCosts, is_open: Callable[[str, str], bool], open_behind: Callable[[str, str], None]
    ) -> None:
        self._kept: tuple[ChoiceCosts, frozenset[Choice], ChoiceCosts] | None = None
        # when it was wanted: since, and the last time
        self._wanted_s: dict[Choice, tuple[float, float]] = {}
        self._live, self._is_open, self._open_behind = live, is_open, open_behind

    def _without(self, costs: ChoiceCosts, closed: frozenset[Choice]) -> ChoiceCosts:
        """Return costs without some choices, the same object for the same: plans are found again by it."""
        kept = self._kept
        if kept is None or kept[0] is not costs or kept[1] != closed:
            kept = self._kept = costs, closed, self._live.without(costs, closed)
        return kept[2]

    def _lasts(self, choice: Choice) -> bool:
        """Whether a choice was wanted again and again; plans for other sizes of inputs may want others in between."""
        now_s = time.monotonic()
        first_s, last_s = self._wanted_s.get(choice, (now_s, now_s))
        if now_s - last_s > _LASTS_S:
            first_s = now_s
        self._wanted_s[choice] = first_s, now_s
        return now_s - first_s >= _LASTS_S

    def instead(self, planned: PlacedPlan, costs: ChoiceCosts, plan: Callable[[ChoiceCosts], PlacedPlan]) -> PlacedPlan:
        """Return a plan, or what is planned without choices that other processors can stand in for.

        Args:
            planned: at these costs.
            costs: of every choice.
            plan: plans at others.
        """
        # who pins a processor wants that one
        if planned.policy.processor is not None or all(map(self._is_open, planned.policy.variants, planned.processors)):
            return planned
        ms = dict(zip(self._live.model.choices, costs.latency_ms.tolist(), strict=True))
        loaded: dict[str, float] = {}
        for (variant, processor), latency_ms in ms.items():
            if math.isfinite(latency_ms) and self._is_open(variant, processor):
                loaded[variant] = min(latency_ms, loaded.get(variant, math.inf))
        closed = {choice for choice in ms if choice[0] in loaded and not self._is_open(*choice)}
        wanted = closed & set(zip(planned.policy.variants, planned.processors, strict=True))
        if not wanted:
            return planned
        for choice in sorted(wanted):
            if self._lasts(choice) or loaded[choice[0]] >= _MUCH * ms[choice]:
                self._open_behind(*choice)
        try:
            return plan(self._without(costs, frozenset(closed)))
        except ProcessorError:
            return planned
