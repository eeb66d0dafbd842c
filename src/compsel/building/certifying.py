"""Certificates in builds: what is asked for, read early, and the certified policy in place of the winner."""

from dataclasses import replace

from compsel.errors import ObjectiveError
from compsel.selection.cascade.reject_option import RejectOption
from compsel.selection.certificate.certify import Certified
from compsel.selection.certificate.promise import Promise
from compsel.selection.dataset import SelectionDataset
from compsel.selection.training.expectation import expectation_of, score_of
from compsel.selection.training.trained import Trained
from compsel.selection.training.trainers import FittedPolicy

__all__ = ["CERTIFIED", "as_promise", "check_not_learned", "with_certificate"]

# the kind of what ships, in comparisons
CERTIFIED = "certified cascade"


def as_promise(wanted: Promise | str | None, reject_option: RejectOption | None = None) -> Promise | None:
    """Return a promise that may be given in words; None is none.

    Raises:
        ObjectiveError: words that are not understood, or a reject option beside it.

    >>> as_promise("99 % agreement").level
    0.99
    """
    promise = Promise.read(wanted) if isinstance(wanted, str) else wanted
    if promise is not None and (reject_option or RejectOption()) != RejectOption():
        raise ObjectiveError(
            f"certify: got it together with {reject_option}, allowed is a policy that answers every input in the same "
            "way: build without --credibility and --abstain"
        )
    return promise


def check_not_learned(learned: bool) -> None:
    """Raise ObjectiveError where variants learned from the samples, which then cannot certify what ships.

    On them answer variants that were fitted without a fold; what ships was fitted on all, and is another function.
    """
    if learned:
        raise ObjectiveError(
            "certify: got variants that learned from the samples, allowed are samples that none learned from: fit "
            "heads and students on another table first, and leave out early-exit and student with --technique"
        )


def with_certificate(trained: Trained, certified: Certified | None, dataset: SelectionDataset) -> Trained:
    """Return what was trained with the certified policy as what ships, whatever won; None: as it is."""
    if certified is None:
        return trained
    comparison = trained.comparison
    fitted = {**trained.fitted, CERTIFIED: FittedPolicy(certified.policy, certified.portfolio)}
    outcomes = {**comparison.outcomes, CERTIFIED: dataset.outcome_of(certified.policy)}
    score = score_of(CERTIFIED, outcomes, comparison.penalty, 0, dataset.groups)
    return replace(
        trained,
        fitted=fitted,
        comparison=replace(
            comparison,
            winner=CERTIFIED,
            reason=f"certified: {certified.certificate.sentence()}",
            outcomes=outcomes,
            scores={**comparison.scores, CERTIFIED: score},
        ),
        shipped=score,
        expectation=expectation_of(dataset, outcomes, CERTIFIED, comparison.penalty, 0),
    )
