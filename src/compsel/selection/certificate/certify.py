"""Certify: train on one part of the samples, judge the operating points on the other, keep the cheapest that holds."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compsel.errors import ObjectiveError
from compsel.selection.certificate.certificate import Certificate
from compsel.selection.certificate.choosing import choose_variants
from compsel.selection.certificate.family import Family, agreement_with, fit_family, reference_of
from compsel.selection.certificate.fixed_sequence import n_certified
from compsel.selection.certificate.inputs_needed import inputs_needed, most_events
from compsel.selection.certificate.judging import JudgedFamily, judge
from compsel.selection.certificate.promise import Promise
from compsel.selection.dataset import SelectionDataset
from compsel.selection.policies import CertifiedPolicy
from compsel.selection.training.folds import assign_folds
from compsel.selection.training.portfolio import Addition

__all__ = [
    "TRAINED",
    "Certified",
    "JudgedOnOthers",
    "certify",
    "check_enough",
    "split_for_certificate",
    "train_and_judge",
]

# what trains; the rest judges (benchmarks/certificates.py)
TRAINED = 0.4
_PARTS = 20
_LEAST_TRAINED = 20


@dataclass(frozen=True)
class Certified:
    """A policy with a certificate.

    Attributes:
        policy: what ships.
        certificate: what it promises.
        portfolio: how its variants were chosen.
    """

    policy: CertifiedPolicy
    certificate: Certificate
    portfolio: tuple[Addition, ...]


@dataclass(frozen=True)
class JudgedOnOthers:
    """A family, trained on a part of the samples and judged on the others.

    Attributes:
        family: its operating points.
        judged: what they do on the others.
        portfolio: how their variants were chosen.
        reference_cost: of the network that they shall agree with.
        n_trained: how many samples trained.
    """

    family: Family
    judged: JudgedFamily
    portfolio: tuple[Addition, ...]
    reference_cost: float
    n_trained: int


def certify(dataset: SelectionDataset, promise: Promise, seed: int = 0, trained: float = TRAINED) -> Certified:
    """Return the cheapest policy that is certified to agree with the most accurate network as often as promised.

    Learn then test (arXiv 2110.01052): a part of the samples trains a cascade; on the others its operating points are
    tested, from the most careful one on. Labels only say which network is the most accurate one: all samples have a say
    in that, the judging ones too, and it is named in what is promised.

    Args:
        dataset: with evidence.
        promise: what to certify.
        seed: of the split.
        trained: share of the samples that trains.

    Raises:
        ObjectiveError: it cannot be certified; the message says how many inputs would be needed.
    """
    found = train_and_judge(dataset, promise, seed, trained)
    judged, passed = found.judged, n_certified(found.judged.p_values(promise.level), promise.confidence)
    means = judged.costs.mean(axis=1)
    faster = np.flatnonzero(means < found.reference_cost)
    if not (faster < passed).any():
        raise _refused(found, faster, promise, trained)
    point, n = int(np.argmin(means[:passed])), judged.disagrees.shape[1]
    wrong, (speedup, low, high) = int(judged.disagrees[point].sum()), judged.speedup(point, found.reference_cost, seed)
    certificate = Certificate(
        "agreement",
        promise.level,
        promise.confidence,
        found.family.reference,
        n,
        wrong,
        judged.upper_bound(point, promise.confidence),
        speedup,
        (low, high),
        float(judged.escalated[point]),
        found.family.points[point].penalty,
        found.n_trained,
        int(judged.groups.max()) + 1,
    )
    return Certified(found.family.points[point], certificate, found.portfolio)


def train_and_judge(
    dataset: SelectionDataset, promise: Promise, seed: int = 0, trained: float = TRAINED
) -> JudgedOnOthers:
    """Train the operating points that a certificate is sought among, and judge them; see `certify`."""
    reference, quality = reference_of(dataset), 1.0
    if dataset.reference == "":
        quality = float(dataset.quality[:, reference].mean())
    dataset = dataset.with_unlabelled()
    n_groups = len(dataset.targets) if dataset.groups is None else len(np.unique(dataset.groups))
    check_enough(n_groups, promise, trained)
    training, judging = split_for_certificate(dataset, trained, seed)
    agreement = agreement_with(dataset, reference)
    allowed = most_events(len(judging), 1.0 - promise.level, promise.confidence) / len(judging)
    columns, portfolio = choose_variants(agreement.take(training), reference, allowed, seed)
    family = fit_family(agreement.take(training), columns, reference, quality=quality)
    judged = judge(family, agreement.take(judging))
    return JudgedOnOthers(family, judged, portfolio, float(dataset.costs_ms[reference]), len(training))


def split_for_certificate(
    dataset: SelectionDataset, trained: float = TRAINED, seed: int = 0
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return which samples train and which judge; samples of one group stay together."""
    part = assign_folds(len(dataset.targets), _PARTS, dataset.groups, seed)
    inside = part < max(1, round(trained * (int(part.max()) + 1)))
    return np.flatnonzero(inside), np.flatnonzero(~inside)


def check_enough(n: int, promise: Promise, trained: float = TRAINED) -> None:
    """Refuse where not even a policy that never disagrees could be certified with so many inputs.

    Raises:
        ObjectiveError: so it is; the message says how many inputs would be needed.

    >>> check_enough(600, Promise(0.99))
    >>> check_enough(100, Promise(0.99))
    Traceback (most recent call last):
    compsel.errors.ObjectiveError: certify: got 100 inputs, needed for 99 % agreement at 95 % confidence are at least...
    """
    least = inputs_needed(promise.level, 0.0, promise.confidence)
    assert least is not None
    needed = max(_total(least, trained), int(np.ceil(_LEAST_TRAINED / trained)))
    if n < needed:
        raise ObjectiveError(
            f"certify: got {n} inputs, needed for {_said(promise)} are at least {needed}: {trained:.0%} of them train, "
            f"and on {least} others not one answer may differ. Measure more (labels are not needed), or promise less"
        )


def _refused(found: JudgedOnOthers, faster: NDArray[np.intp], promise: Promise, trained: float) -> ObjectiveError:
    judged, reference = found.judged, found.family.reference
    n = judged.disagrees.shape[1]
    if not len(faster):
        return ObjectiveError(
            f"certify: no operating point is faster than {reference} alone, which agrees with itself: build without "
            "a certificate, or with faster variants (--technique)"
        )
    first = int(faster[0])
    wrong = int(judged.disagrees[first].sum())
    needed = judged.inputs_needed(first, promise.level, promise.confidence)
    shown = 1.0 - judged.upper_bound(first, promise.confidence)
    n_groups = int(judged.groups.max()) + 1
    independent = "" if n_groups == n else f" (of {n_groups} groups, and only these are independent)"
    more = (
        "which is not clearly fewer than may, so more inputs will hardly help"
        if needed is None
        else f"about {needed} inputs would have to judge, that is {_total(needed, trained)} in all, if that stays so: "
        "measure more (labels are not needed)"
    )
    return ObjectiveError(
        f"certify: got {n} inputs that judge{independent}, too few for {_said(promise)}: the most careful policy that "
        f"is faster than {reference} gave another answer on {wrong} of them ({wrong / n:.2%}); {more}, or promise "
        f"less: they show {np.floor(1000 * shown) / 10:g} %"
    )


def _said(promise: Promise) -> str:
    return f"{100 * promise.level:g} % agreement at {100 * promise.confidence:g} % confidence"


def _total(judging: int, trained: float) -> int:
    return int(np.ceil(judging / (1.0 - trained)))
