"""Compare two bundles on held-out records: what each would have done, cost and answered, device by device.

Off-policy evaluation with logs of a policy that decides by rule: what both choices cost comes from held-out means of
the device, which lie near those of its kind where it has few records; how often they are right, from recorded
probabilities that held-out feedback calibrates (the direct method: Dudik, Langford and Li, ICML 2011). Where both run
the same variants they give the same answer; where they do not, what calibrations and profiles leave open widens the
interval (`judging/modelled.py`). Of what no device of a kind ever ran nothing can be said: such kinds are unknown.
"""

import itertools
import os
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compsel.bundle.bundle import Bundle
from compsel.bundle.digest import bundle_digest
from compsel.device.kind import DeviceKind
from compsel.errors import BundleError, ProfileError
from compsel.features import EXTRACTORS
from compsel.fleet.judging.calibration import JudgedCalibration
from compsel.fleet.judging.modelled import ModelledAnswers
from compsel.fleet.judging.replay import Replay, read_answer
from compsel.fleet.judging.sums import GroupVerdict, PairedSums
from compsel.fleet.layout import FleetFolder
from compsel.fleet.learning.kind_costs import FleetCosts, kinds_of, learn_costs
from compsel.fleet.learning.places import Places, numbers_of
from compsel.fleet.learning.recalibration import FeedbackCounts
from compsel.fleet.learning.whole_answers import whole_answers
from compsel.fleet.merged import MergedRecords
from compsel.fleet.retrain import HELD_OUT_RULE
from compsel.progress import SILENT, Reporter

__all__ = ["FleetComparison", "compare_bundles"]

Floats = NDArray[np.float64]
_USUAL_SAMPLES = 100  # of a profile, where a bundle does not say


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
    """Compare two bundles on the held-out records of the old one, or else of the new one.

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
    there = [number for number in range(2) if known[number] in fleet.merged_bundles()]
    logged, records = bundles[there[0]], MergedRecords.open(fleet, known[there[0]], since)
    judge = learn_costs(records, logged.costs, held_out=True, memory_limit_mb=memory_limit_mb, reporter=reporter)
    sums = _Replayed(bundles, logged, records, judge)
    with reporter.phase("replaying held-out answers"):
        sums.read()
    kinds = sums.paired.kinds()
    objective = bundles[0].objective
    penalty = None if objective.has_floor else bundles[0].summary.get("penalty_ms")
    deviations = {
        key: judge.effects.kind_deviations[key].reshape(sums.paired.n_choices, -1).mean(axis=1) for key in kinds
    }
    verdicts = {key: sums.paired.verdict([key], deviations, penalty) for key in kinds}
    # few devices of a kind say little of it, but count among all; what no device ran, does not
    judged = [key for key in kinds if not verdicts[key].why or "choices" not in verdicts[key].why]
    overall = sums.paired.verdict(judged or kinds, deviations, penalty)
    margin = objective.margin_with(max(overall.answers, 1))
    share = sums.known / max(sums.answers, 1)
    return FleetComparison(
        known[0], known[1], overall, verdicts, dict(judge.kinds), sums.feedback, share, margin, sums.left_out
    )


def _check_kept_apart(bundle: Bundle) -> None:
    """Raise BundleError where a bundle was trained on records that would judge it."""
    told = bundle.summary.get("fleet")
    if told is not None and (not isinstance(told, dict) or told.get("held_out_rule") != HELD_OUT_RULE):
        rule = told.get("held_out_rule") if isinstance(told, dict) else told
        raise BundleError(
            f"{bundle.folder}: was trained on records kept apart by {rule!r}, allowed is {HELD_OUT_RULE!r}: these "
            "records may have trained it and cannot judge it: retrain it with this version"
        )


def _features(bundles: list[Bundle], records: MergedRecords) -> tuple[str, ...]:
    """Return the columns of the features of the input that both policies decide by.

    Raises:
        BundleError: they do not decide by the same ones: what features cost is not recorded.
        ProfileError: records lack them.
    """
    old, new = (bundle.policies["adaptive"].extractor for bundle in bundles)
    if old != new:
        raise BundleError(
            f"{bundles[1].folder}: its policy decides by the features {new or 'none'!r} of the input, that of "
            f"{bundles[0].folder} by {old or 'none'!r}, allowed are the same ones: records do not tell what they cost"
        )
    names = tuple(f"{old}.{name}" for name in EXTRACTORS[old].names) if old else ()
    if missing := [name for name in names if name not in records.columns]:
        raise ProfileError(
            f"{records.folder}: lacks the column {missing[0]!r}, which both policies decide by: let devices record "
            "with a bundle that decides by it"
        )
    return names


class _Replayed:
    """Both policies, replayed on every held-out answer."""

    def __init__(self, bundles: list[Bundle], logged: Bundle, records: MergedRecords, judge: FleetCosts) -> None:
        self._bundles, self._logged, self._records, self._judge = bundles, logged, records, judge
        self._places = Places(logged.costs)
        self._choices = {choice: number for number, choice in enumerate(logged.costs.choices)}
        self.answers = self.known = self.feedback = self.left_out = 0
        self._features = _features(bundles, records)
        self._replays: dict[str, list[Replay]] = {}
        self._kinds = kinds_of(records)[0]
        self._calibrated = self._calibration()
        samples = float(logged.summary.get("n_samples", _USUAL_SAMPLES))
        self.paired = PairedSums(len(self._choices), ModelledAnswers(self._calibrated, samples))
        n = len(self._choices)
        self._measured = {key: rows.reshape(n, -1).sum(axis=1) > 0 for key, rows in judge.rows.items()}

    def _calibration(self) -> JudgedCalibration:
        """Calibrate by the feedback that was held out: by it recorded probabilities are read."""
        variants = self._logged.policies["adaptive"].variants
        counts = FeedbackCounts(tuple(variants), self._kinds)
        return JudgedCalibration(counts.add_all(self._records.batches(counts.columns, held_out=True)))

    def read(self) -> None:
        names = ("device_id", "installation", "stage", "variant", "probability_right", "right", *self._places.columns)
        columns = [name for name in (*names, *self._features) if name in self._records.columns]
        for batch, begins in whole_answers(self._records.batches(columns, held_out=True)):
            states, sizes = self._places.rows(batch)
            contexts, of_row = self._places.contexts(states, sizes)
            place = self._places.of(states, sizes)
            rows: dict[str, Any] = {
                name: batch.column(name).to_pylist() for name in ("device_id", "installation", "variant")
            }
            rows |= {name: numbers_of(batch, name).tolist() for name in ("probability_right", "right")}
            features = np.array([numbers_of(batch, name) for name in self._features]).T
            for begin, end in itertools.pairwise(begins):
                kind = self._kinds[rows["device_id"][begin]]
                device = rows["installation"][begin]
                looks = features[begin] if self._features else None
                if looks is not None and np.isnan(looks).all():
                    self.left_out += 1
                    continue
                answer = read_answer(rows, begin, end, looks)
                self._add(kind, device, contexts[of_row[begin]], int(place[begin]), answer)

    def _add(self, kind: str, device: str, context: tuple[float, ...], place: int, answer: Any) -> None:
        if kind not in self._judge.effects.kinds:
            return
        if kind not in self._replays:
            of_kind = self._judge.kinds[kind]
            truth = self._calibrated.of(kind)
            self._replays[kind] = [Replay(one, of_kind, self._logged, truth) for one in self._bundles]
            self.paired.spent[kind] = np.zeros((2, len(self._choices)))
            self.paired.unmeasured[kind] = np.zeros(2)
        found = [replay.expect(context, answer) for replay in self._replays[kind]]
        costs = self._costs(kind, device, context, place)
        row = np.zeros(6)
        row[0] = 1.0
        ran = []
        for number, (replay, one) in enumerate(zip(self._replays[kind], found, strict=True)):
            choices = replay.choices(context)
            ran.append({choice: round(run, 9) for choice, run in zip(choices, one.runs.tolist(), strict=True) if run})
            for choice, run in ran[-1].items():
                place_of = self._choices.get(choice)
                if place_of is None:
                    self.paired.unmeasured[kind][number] += run * float(np.mean(costs))
                    row[1 + number] += run * float(np.mean(costs))
                    continue
                row[1 + number] += run * costs[place_of]
                self.paired.spent[kind][number, place_of] += run * costs[place_of]
                if not self._measured[kind][place_of]:
                    self.paired.unmeasured[kind][number] += run * costs[place_of]
            row[3 + number] = one.quality
        row[5] = float(ran[0] != ran[1])
        answered = [{choice[0]: run for choice, run in one.items()} for one in ran]
        if answered[0] == answered[1]:  # the same variants give the same answer, wherever, however each sees it
            row[4] = row[3]
        else:
            self.paired.modelled.add(kind, found)
        self.answers += 1
        self.known += all(one.known for one in found)
        self.feedback += bool(answer.right == answer.right)
        sums = self.paired.devices.setdefault((kind, device), np.zeros(6))
        sums += row

    def _costs(self, kind: str, device: str, context: tuple[float, ...], place: int) -> Floats:
        """Return what each choice (n_choices,) costs a device in a context: held-out means."""
        effects = self._judge.effects
        vector = effects.devices.get(f"{device} {kind}", effects.kinds[kind])
        here = vector.reshape(len(self._choices), -1)[:, place]
        return np.asarray(self._logged.costs.cost_of(np.exp(self._places.log_costs(context) + here)))
