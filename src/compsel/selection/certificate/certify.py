"""Certify: train on one part of the samples, judge the operating points on the other, keep the cheapest that holds."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compsel.errors import ObjectiveError
from compsel.selection.certificate.bounds import binomial_upper_bound
from compsel.selection.certificate.certificate import Certificate
from compsel.selection.certificate.choosing import choose_variants
from compsel.selection.certificate.family import agreement_with, fit_family, reference_of
from compsel.selection.certificate.fixed_sequence import n_certified
from compsel.selection.certificate.inputs_needed import inputs_needed, most_events
from compsel.selection.certificate.judging import JudgedFamily, judge
from compsel.selection.certificate.promise import Promise
from compsel.selection.dataset import SelectionDataset
from compsel.selection.policies import CertifiedPolicy
from compsel.selection.training.folds import assign_folds
from compsel.selection.training.portfolio import Addition

__all__ = ["Certified", "certify", "split_for_certificate"]

# what trains; the rest judges (benchmarks/certificates.py)
_TRAINED = 0.4
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


def certify(dataset: SelectionDataset, promise: Promise, seed: int = 0, trained: float = _TRAINED) -> Certified:
    """Return the cheapest policy that is certified to agree with the most accurate network as often as promised.

    Learn then test (arXiv 2110.01052): a part of the samples trains a cascade; on the others its operating points are
    tested, from the most careful one on. Labels only say which network is the most accurate one.

    Args:
        dataset: with evidence.
        promise: what to certify.
        seed: of the split.
        trained: share of the samples that trains.

    Raises:
        ObjectiveError: it cannot be certified; the message says how many inputs would be needed.
    """
    training, judging = split_for_certificate(dataset, trained, seed)
    _check_enough(len(training), len(judging), promise, trained)
    reference = reference_of(dataset)
    agreement, quality = agreement_with(dataset, reference), 1.0
    if dataset.reference == "":
        quality = float(dataset.quality[:, reference].mean())
    allowed = most_events(len(judging), 1.0 - promise.level, promise.confidence) / len(judging)
    columns, portfolio = choose_variants(agreement.take(training), reference, allowed, seed)
    family = fit_family(agreement.take(training), columns, reference, quality=quality)
    judged = judge(family, agreement.take(judging))
    passed = n_certified(judged.p_values(promise.level), promise.confidence)
    reference_cost = float(dataset.costs_ms[reference])
    means = judged.costs.mean(axis=1)
    faster = np.flatnonzero(means < reference_cost)
    if not (faster < passed).any():
        raise _refused(judged, faster, promise, family.reference, trained)
    point = int(np.argmin(means[:passed]))
    wrong, (speedup, low, high) = int(judged.disagrees[point].sum()), judged.speedup(point, reference_cost, seed)
    certificate = Certificate(
        "agreement",
        promise.level,
        promise.confidence,
        family.reference,
        len(judging),
        wrong,
        binomial_upper_bound(wrong, len(judging), promise.confidence),
        speedup,
        (low, high),
        float(judged.escalated[point]),
        family.points[point].penalty,
        len(training),
        int(judged.groups.max()) + 1,
    )
    return Certified(family.points[point], certificate, portfolio)


def split_for_certificate(
    dataset: SelectionDataset, trained: float = _TRAINED, seed: int = 0
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return which samples train and which judge; samples of one group stay together."""
    part = assign_folds(len(dataset.targets), _PARTS, dataset.groups, seed)
    inside = part < max(1, round(trained * (int(part.max()) + 1)))
    return np.flatnonzero(inside), np.flatnonzero(~inside)


def _check_enough(n_trained: int, n_judging: int, promise: Promise, trained: float) -> None:
    """Refuse at once where not even a policy that never disagrees could be certified."""
    least = inputs_needed(promise.level, 0.0, promise.confidence)
    assert least is not None
    if n_judging < least or n_trained < _LEAST_TRAINED:
        raise ObjectiveError(
            f"certify: got {n_trained + n_judging} inputs, of which {n_judging} can judge: for {_said(promise)} not one "
            f"disagreement among {least} inputs is the least evidence, that is {_total(least, trained)} inputs in all: "
            f"measure more (labels are not needed), or promise less"
        )


def _refused(
    judged: JudgedFamily, faster: NDArray[np.intp], promise: Promise, reference: str, trained: float
) -> ObjectiveError:
    n = judged.disagrees.shape[1]
    if not len(faster):
        return ObjectiveError(
            f"certify: no operating point is faster than {reference} alone, which agrees with itself: build without "
            "a certificate, or with faster variants (--technique)"
        )
    first = int(faster[0])
    wrong = int(judged.disagrees[first].sum())
    needed = inputs_needed(promise.level, wrong / n, promise.confidence)
    shown = 1.0 - binomial_upper_bound(wrong, n, promise.confidence)
    more = (
        "which is not fewer than may, so more inputs will hardly help"
        if needed is None
        else f"about {needed} inputs would have to judge, that is {_total(needed, trained)} in all, if that stays so: "
        "measure more (labels are not needed)"
    )
    return ObjectiveError(
        f"certify: got {n} inputs that judge: too few for {_said(promise)}: the most careful policy that is faster than "
        f"{reference} gave another answer on {wrong} of them ({wrong / n:.2%}); {more}, or promise less: they show "
        f"{np.floor(1000 * shown) / 10:g} %"
    )


def _said(promise: Promise) -> str:
    return f"{100 * promise.level:g} % agreement at {100 * promise.confidence:g} % confidence"


def _total(judging: int, trained: float) -> int:
    return int(np.ceil(judging / (1.0 - trained)))
