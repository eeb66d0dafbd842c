"""Compare two bundles on held-out records: what each would have done, cost and answered, device by device.

Off-policy evaluation with logs of a policy that decides by rule: what both choices cost comes from held-out means of
the device, which lie near those of its kind where it has few records; how often they are right, from recorded
probabilities that held-out feedback calibrates (the direct method: Dudik, Langford and Li, ICML 2011). Where both run
the same variants they give the same answer; where they do not, what calibrations and profiles leave open widens the
interval (`judging/modelled.py`). Of what no device of a kind ever ran nothing can be said: such kinds are unknown.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from compsel.bundle.bundle import Bundle
from compsel.bundle.digest import bundle_digest
from compsel.device.kind import DeviceKind
from compsel.errors import BundleError
from compsel.fleet.judging.replayed_answers import ReplayedAnswers
from compsel.fleet.judging.sums import GroupVerdict, PairedSums
from compsel.fleet.layout import FleetFolder
from compsel.fleet.learning.kind_costs import FleetCosts, NoRecordsError, learn_costs
from compsel.fleet.merged import MergedRecords
from compsel.fleet.retrain import HELD_OUT_RULE
from compsel.progress import SILENT, Reporter

__all__ = ["FleetComparison", "compare_bundles"]

Side = Literal["old", "new"]


@dataclass(frozen=True)
class FleetComparison:
    """A new bundle against an old one, on a fleet's held-out records.

    Attributes:
        old, new: hashes of the bundles.
        overall: on all devices of kinds about which something is known.
        kinds: by key of the kind.
        devices: the kinds, by key.
        feedback: answers that feedback was heard of.
        known: share of the answers of which both policies' decisions follow from the record.
        margin: how much less accurate the new one may be measured to be.
        judged_by: "old" or "new": whose records judge.
        left_out: answers that lack the features of the input that the policies decide by.
    """

    old: str
    new: str
    overall: GroupVerdict
    kinds: dict[str, GroupVerdict]
    devices: dict[str, DeviceKind]
    feedback: int
    known: float
    margin: float
    judged_by: Side = "old"
    left_out: int = 0

    @property
    def beats(self) -> bool:
        """Whether the new one may be released: by the rule by which a build ships a policy."""
        found = self.overall.found
        return found is not None and found.beats and (found.cost is not None or found.accuracy.value >= -self.margin)

    @property
    def words(self) -> str:
        """The verdict in a sentence."""
        text = f"new against old, {self.overall.devices} devices: {self.overall.words}"
        if self.overall.verdict == "better" and not self.beats:
            text += f"; not released: less accurate by more than {100 * self.margin:.1f} points"
        if self.judged_by == "new":
            text += "; by records of the new one: the old one has none to judge by"
        if self.left_out:
            text += f"; {self.left_out} answers without features of their input are left out"
        return text

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "old": self.old,
            "new": self.new,
            "beats": self.beats,
            "words": self.words,
            "overall": self.overall.to_dict(),
            "kinds": {
                key: {"device": self.devices[key].words, **one.to_dict()} for key, one in sorted(self.kinds.items())
            },
            "feedback": self.feedback,
            "decisions_known": self.known,
            "margin": self.margin,
            "answers_left_out": self.left_out,
            "judged_by": self.judged_by,
            "held_out_rule": HELD_OUT_RULE,
        }


def compare_bundles(
    fleet: FleetFolder,
    old: str | os.PathLike[str],
    new: str | os.PathLike[str],
    *,
    since: datetime | None = None,
    memory_limit_mb: float = 2000.0,
    reporter: Reporter = SILENT,
) -> FleetComparison:
    """Compare two bundles on the held-out records of the old one, or else, where it has none, of the new one.

    Args:
        fleet: where the records are.
        old, new: folders of the bundles.
        since: on answers from then on alone; None: on all.
        memory_limit_mb: that counting may take.
        reporter: hears how far it is.

    Raises:
        ProfileError: no held-out records of either.
        BundleError: bundles that cannot be compared: one was trained on what would judge it, or decides by features of
            the input alone, or by others than the other one.
    """
    bundles = [Bundle.load(old), Bundle.load(new)]
    for bundle in bundles:
        _check_kept_apart(bundle)
    known = [bundle_digest(bundle.files) for bundle in bundles]
    fleet.check_merged(f"{bundles[0].folder}, {bundles[1].folder}", known)
    opened = {
        number: MergedRecords.open(fleet, digest, since)
        for number, digest in enumerate(known)
        if digest in fleet.merged_bundles()
    }
    number, judge = _judging(bundles, opened, memory_limit_mb, reporter)
    logged, records = bundles[number], opened[number]
    sums = ReplayedAnswers(bundles, logged, records, judge)
    with reporter.phase("replaying held-out answers"):
        sums.read()
    objective = bundles[0].objective
    penalty = None if objective.has_floor else bundles[0].summary.get("penalty_ms")
    overall, verdicts = _verdicts(sums.paired, judge, penalty)
    nothing = f"no held-out answer{records.when} has a latency"
    verdicts |= {key: GroupVerdict(None, "unknown", 0, 0, nothing) for key in judge.kinds.keys() - verdicts.keys()}
    margin = objective.margin_with(max(overall.answers, 1))
    share = sums.known / max(sums.answers, 1)
    by: Side = "new" if number else "old"
    return FleetComparison(
        known[0], known[1], overall, verdicts, dict(judge.kinds), sums.feedback, share, margin, by, sums.left_out
    )


def _verdicts(
    paired: PairedSums, judge: FleetCosts, penalty: float | None
) -> tuple[GroupVerdict, dict[str, GroupVerdict]]:
    """Return the verdict on all devices that can be judged, and those on the kinds that have answers."""
    kinds = paired.kinds()
    deviations = {key: judge.effects.kind_deviations[key].reshape(paired.n_choices, -1).mean(axis=1) for key in kinds}
    found = {key: paired.verdict([key], deviations, penalty) for key in kinds}
    # few devices of a kind say little of it, but count among all; what no device ran, does not
    judged = [key for key in kinds if not found[key].why or "choices" not in found[key].why]
    return paired.verdict(judged or kinds, deviations, penalty), found


def _judging(
    bundles: list[Bundle], opened: Mapping[int, MergedRecords], memory_limit_mb: float, reporter: Reporter
) -> tuple[int, FleetCosts]:
    """Return whose records judge, and what they say of costs: the first ones that say anything.

    Raises:
        NoRecordsError: none does.
    """
    empty: list[NoRecordsError] = []
    for number, records in opened.items():
        base = bundles[number].costs
        try:
            return number, learn_costs(records, base, held_out=True, memory_limit_mb=memory_limit_mb, reporter=reporter)
        except NoRecordsError as error:
            empty.append(error)
    if len(empty) == 1:
        raise empty[0]
    when = next(iter(opened.values())).when
    raise NoRecordsError(
        f"{bundles[0].folder}, {bundles[1].folder}: no held-out record of either{when} has a latency: record more "
        "answers"
    ) from empty[0]


def _check_kept_apart(bundle: Bundle) -> None:
    """Raise BundleError where a bundle was trained on records that would judge it."""
    told = bundle.summary.get("fleet")
    if told is not None and (not isinstance(told, dict) or told.get("held_out_rule") != HELD_OUT_RULE):
        rule = told.get("held_out_rule") if isinstance(told, dict) else told
        raise BundleError(
            f"{bundle.folder}: was trained on records kept apart by {rule!r}, allowed is {HELD_OUT_RULE!r}: these "
            "records may have trained it and cannot judge it: retrain it with this version"
        )
