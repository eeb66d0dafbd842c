"""Both policies, replayed on every held-out answer: what each would have cost there, and how right it would be."""

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compsel.bundle.bundle import Bundle
from compsel.errors import BundleError, ProfileError
from compsel.features import EXTRACTORS
from compsel.fleet.judging.calibration import JudgedCalibration
from compsel.fleet.judging.modelled import ModelledAnswers
from compsel.fleet.judging.replay import Replay, read_answer
from compsel.fleet.judging.sums import PairedSums
from compsel.fleet.learning.kind_costs import FleetCosts, kinds_of
from compsel.fleet.learning.places import Places, numbers_of
from compsel.fleet.learning.recalibration import FeedbackCounts
from compsel.fleet.learning.whole_answers import whole_answers
from compsel.fleet.merged import MergedRecords

__all__ = ["ReplayedAnswers"]

Floats = NDArray[np.float64]
_USUAL_SAMPLES = 100  # of a profile, where a bundle does not say


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


class ReplayedAnswers:
    """Both policies, replayed on every held-out answer.

    Args:
        bundles: the old one and the new one.
        logged: the one that recorded.
        records: of that.
        judge: what these say of costs.

    Attributes:
        paired: what both cost and gave.
        answers, known: that were replayed, and for which both policies' decisions follow from the record.
        feedback: answers that feedback was heard of.
        left_out: answers that lack the features of the input that the policies decide by.

    Raises:
        BundleError: policies that do not decide by the same features.
        ProfileError: records lack these.

    >>> ReplayedAnswers.__name__
    'ReplayedAnswers'
    """

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
        """Replay all answers.

        Raises:
            ProfileError: a table that is damaged.
        """
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
