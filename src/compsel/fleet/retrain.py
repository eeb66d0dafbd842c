"""Retrain: from what devices recorded, a bundle with their costs and calibrations, and where they have drifted."""

import math
import os
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from compsel.bundle.bundle import Bundle
from compsel.bundle.device_costs import costs_on
from compsel.bundle.digest import bundle_digest
from compsel.errors import UsageError
from compsel.fleet.held_out import HELD_OUT_SHARE
from compsel.fleet.layout import FleetFolder
from compsel.fleet.learning.drift import Drift, DriftSums, Expected, cost_drifts, found_drifts
from compsel.fleet.learning.kind_costs import FleetCosts, kinds_of, learn_costs
from compsel.fleet.learning.recalibration import FeedbackCounts, Recalibration, log_odds
from compsel.fleet.learning.retrained_bundle import write_retrained, write_trained_anew
from compsel.fleet.learning.whole_answers import whole_answers
from compsel.fleet.merged import MergedRecords
from compsel.parallel.backend import Backend
from compsel.profiling.profile import Profile
from compsel.progress import SILENT, Reporter
from compsel.selection.policies import CascadePolicy
from compsel.storage.files import check_place

__all__ = ["HELD_OUT_RULE", "Retrained", "retrain"]

# a bundle says by which rule records were kept from its training: what judges it must have been kept by the same
HELD_OUT_RULE = f"sha256(session) below {HELD_OUT_SHARE:g}"
_USUAL_SAMPLES = 100
_DEFAULT = Backend()


@dataclass(frozen=True)
class Retrained:
    """What retraining found.

    Attributes:
        out: folder of the new bundle.
        costs: by kind of device.
        fits: by the variants that ran, how confidence is calibrated anew.
        drifts: where records differ from what the bundle was built with.
        tests: how many differences were looked for.
    """

    out: Path
    costs: FleetCosts
    fits: dict[str, Recalibration]
    drifts: list[Drift]
    tests: int

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        costs = self.costs
        ratios = {key: float(np.exp(_mean(costs, key))) for key in sorted(costs.effects.kinds)}
        return {
            "bundle": str(self.out),
            "kinds": [
                {
                    "kind": key,
                    "device": costs.kinds[key].words,
                    "devices": costs.devices[key],
                    "rows": int(costs.rows[key].sum()),
                    "times_expected": ratio,
                    "uncertainty": _uncertainty(costs, key),
                    "mix": _mix(costs, key),
                }
                for key, ratio in ratios.items()
            ],
            "devices_deviate": costs.devices_deviate,
            "rows_left_out": costs.left_out,
            "calibrations": {name: asdict(fit) for name, fit in self.fits.items()},
            "drifts": [asdict(drift) for drift in self.drifts],
            "drift_tests": self.tests,
        }


# many parameters: fleet, bundle and out are what everybody gives; the others are rarely set, and independent
def retrain(
    fleet: FleetFolder,
    bundle: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    profile: str | os.PathLike[str] | None = None,
    since: datetime | None = None,
    memory_limit_mb: float = 2000.0,
    replace: bool = False,
    reporter: Reporter = SILENT,
    backend: Backend = _DEFAULT,
) -> Retrained:
    """Learn from the merged records of a bundle that are not held out, and write a new bundle.

    Args:
        fleet: where the records are.
        bundle: folder of the one that recorded.
        out: folder of the new one.
        profile: folder that the bundle was built from: then its policies are trained anew at the fleet's costs. None:
            they stay, their confidence calibrated by feedback.
        since: from answers from then on alone; None: from all.
        memory_limit_mb: that counting may take.
        replace: whether a folder that is there is replaced.
        reporter: hears what is found.
        backend: where policies are trained, with a profile. Interrupted, that goes on where it was.

    Raises:
        ProfileError: no records of this bundle.
        UsageError: `out` is `bundle`; a backend without a profile.
        BundleError, StorageError: see `compsel.errors`.
    """
    _check_backend(backend, profile)
    check_place(out, replace=replace)
    if Path(out).resolve() == Path(bundle).resolve():
        raise UsageError(f"out: {out} is the bundle that recorded, which the records are of: name another folder")
    old = Bundle.load(bundle)
    fleet.check_merged(str(old.folder), [bundle_digest(old.files)])
    records = MergedRecords.open(fleet, bundle_digest(old.files), since)
    costs = learn_costs(records, old.costs, memory_limit_mb=memory_limit_mb, reporter=reporter)
    measured = None if profile is None else Profile.load(profile)
    feedback, sums = _read(records, old, measured, reporter)
    fits = feedback.fits(float(old.summary.get("n_samples", _USUAL_SAMPLES)))
    tests = cost_drifts(costs.effects, _applied(old, costs), costs.rows, costs.devices)
    tests += sums.tests(_expected(old, sums.first, measured))
    told = {
        "records_of": bundle_digest(old.files),
        "rows": int(sum(rows.sum() for rows in costs.rows.values())),
        "devices": sum(costs.devices.values()),
        "held_out_rule": HELD_OUT_RULE,
    }
    if measured is None:
        write_retrained(old, out, costs, fits, told, replace)
    else:
        reporter.say("policies are trained anew on the profile, at the fleet's costs; feedback tells drift alone")
        fits = {}
        files = Path(profile or "") / "variants"
        write_trained_anew(measured, files, old, out, costs, told, reporter, replace, backend)
    named = {" > ".join(feedback.variants[one] for one in members): fit for members, fit in fits.items()}
    return Retrained(Path(out), costs, named, found_drifts(tests), len(tests))


def _check_backend(backend: Backend, profile: str | os.PathLike[str] | None) -> None:
    if profile is None and backend != _DEFAULT:
        raise UsageError(
            "backend: got it without profile, allowed is it with one, since nothing else is spread: give --profile, or "
            "leave out --backend, --jobs, --scheduler and --address"
        )


def _read(
    records: MergedRecords, old: Bundle, profile: Profile | None, reporter: Reporter
) -> tuple[FeedbackCounts, DriftSums]:
    """Read the answers once more, whole, for what does not concern costs."""
    policy = old.policies["adaptive"]
    first = ""
    if isinstance(policy, CascadePolicy) and policy.policy.difficulty is None:
        cheapest, p95, _ = old.costs.cheapest(policy.variants, old.costs.idle)
        first = policy.variants[policy.plan(cheapest, p95, math.inf).first(None)]
    names = () if profile is None else profile.feature_names
    features = tuple(name for name in names if name in records.columns)
    kinds = kinds_of(records)[0]
    sums, counts = DriftSums(kinds, first, features), FeedbackCounts(tuple(policy.variants), kinds)
    columns = list(dict.fromkeys((*counts.columns, *sums.columns)))
    with reporter.phase("reading answers"):
        for batch, begins in whole_answers(records.batches(columns, held_out=False)):
            counts.add(batch, begins)
            sums.add(batch, begins)
    return counts, sums


def _applied(old: Bundle, costs: FleetCosts) -> dict[str, Any]:
    """Return by kind how much the old bundle takes its costs to deviate from those that were measured at build."""
    found = {}
    for key in costs.effects.kinds:
        model = costs_on(old, costs.kinds[key])[0]
        there, base = (
            one.latency_ms[None] if one.by_size is None else one.by_size.latency_ms for one in (model, old.costs)
        )
        found[key] = np.log(there / base).transpose(2, 0, 1).ravel()
    return found


def _expected(old: Bundle, first: str, profile: Profile | None) -> Expected:
    """Return what the bundle was built with: confidence of the first variant, feedback as thought, features."""
    mean, error = {"feedback": 0.0}, {"feedback": 0.0}
    policy, n = old.policies["adaptive"], float(old.summary.get("n_samples", _USUAL_SAMPLES))
    if first and isinstance(policy, CascadePolicy):
        node = policy.policy.nodes[policy.policy.index[(policy.variants.index(first),)]]
        odds = log_odds(node.grid)  # quantiles, the first and the last one being extremes
        if len(odds) > 2:
            between = (odds[1:] + odds[:-1]) / 2
            mean["confidence"] = float(between.mean())
            coarse = float(odds[1:-1].mean()) - mean["confidence"]
            error["confidence"] = math.hypot(float(between.std()) / math.sqrt(n), coarse)
    for column, name in enumerate(() if profile is None else profile.feature_names):
        values = np.empty(0) if profile is None else profile.features[:, column].astype(np.float64)
        known = values[np.isfinite(values)]
        if len(known) > 1:
            mean[name], error[name] = float(known.mean()), float(known.std(ddof=1)) / math.sqrt(len(known))
    return Expected(mean, error)


def _mean(costs: FleetCosts, key: str) -> float:
    rows = costs.rows[key]
    return float(rows @ costs.effects.kinds[key] / max(rows.sum(), 1))


def _uncertainty(costs: FleetCosts, key: str) -> float:
    """Return the mean error of a cost, of each choice and state as often as it was recorded."""
    return float(np.average(costs.effects.kind_deviations[key], weights=costs.rows[key]))


def _mix(costs: FleetCosts, key: str) -> dict[str, float]:
    """Return the share of records in each measured state."""
    n_states = len(costs.base.states)
    rows = costs.rows[key].reshape(-1, n_states).sum(axis=0)
    names = costs.base.names or tuple(map(str, range(n_states)))
    return dict(zip(names, (rows / max(rows.sum(), 1)).tolist(), strict=True))
