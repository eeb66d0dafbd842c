"""Occasional, bounded exploration: processors that were not measured for long are tried now and then."""

import numpy as np

from compsel.errors import BundleError
from compsel.progress.logger import log_event
from compsel.runtime.adaptation.latency_correction import LatencyCorrections
from compsel.runtime.adaptation.live_costs import ChoiceCosts, LiveCosts

__all__ = ["Explorer"]

_STALE_S = 2.0


class Explorer:
    """Spends a share of the time on processors that are expected to be slower, to find out whether they still are.

    Every inference earns `share` of its latency; a trial spends what it takes beyond the best choice. A trial is made
    only when what it is expected to cost has been earned: so the extra time stays within `share` of all time, but for
    the surprise of a single trial.

    Args:
        share: 0 to 1.

    Raises:
        BundleError: another share.

    >>> Explorer(0.02).credit_ms
    0.0
    """

    def __init__(self, share: float) -> None:
        if not 0 <= share <= 1:
            raise BundleError(f"explore: got {share!r}, allowed is a share of the time, 0 to 1")
        self.share = share
        self.credit_ms = 0.0

    def processor(
        self, variant: str, best: str, costs: ChoiceCosts, live: LiveCosts, corrections: LatencyCorrections
    ) -> str:
        """Return where to run: on the stalest processor that can be afforded, else on the best one."""
        best_ms = float(costs.latency_ms[live.number((variant, best))])
        stalest, found = _STALE_S, best
        for number, (name, processor) in enumerate(live.model.choices):
            if name == variant and processor != best:
                extra_ms = float(costs.latency_ms[number]) - best_ms
                age_s = corrections.last_seen_s(number)
                if age_s > stalest and np.isfinite(extra_ms) and extra_ms <= self.credit_ms:
                    stalest, found = age_s, processor
        if found != best:
            fields = {"variant": variant, "processor": found}
            log_event("DEBUG", "trial", "%s is measured again on %s", variant, found, fields=fields)
        return found

    def account(self, latency_ms: float, expected_best_ms: float, *, trial: bool) -> None:
        """Earn from an inference, and pay what a trial took beyond the best choice."""
        self.credit_ms += self.share * latency_ms
        if trial:
            self.credit_ms -= max(0.0, latency_ms - expected_best_ms)
