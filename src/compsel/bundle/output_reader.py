"""What reads the answers of models without class scores for a bundle's policies."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from compsel.errors import BundleError
from compsel.selection.policies import Policy

if TYPE_CHECKING:
    from compsel.features.output_confidence import Confidence, OutputReader
    from compsel.features.tasks.base import Task

__all__ = ["output_reader"]


def output_reader(
    policies: Iterable[Policy], confidence: "Confidence | str | None", task: "Task | None" = None
) -> "OutputReader | None":
    """Return what reads the answers; None where no policy needs it.

    Args:
        policies: of a bundle; those that need a confidence were trained with the same one.
        confidence: the user's function, where they were trained with one: a bundle holds its name, not its code.
        task: the kind of answers, where that reads them.

    Raises:
        BundleError: it is needed, and not given.
        SelectorError: something that is no function.

    >>> output_reader([], None) is None
    True
    """
    for policy in policies:
        if not policy.confidence:
            continue
        from compsel.features.output_confidence import GENERIC, OutputReader  # for answers that are no classes

        name = policy.confidence
        if task is not None and name == task.name:
            return OutputReader(task).expect(policy.n_confidence)
        if name != GENERIC and confidence is None:
            raise BundleError(
                f"confidence: the policy of this bundle decides by {name}, which a bundle does not hold: "
                "give the function, compsel.load(..., confidence=function)"
            )
        return OutputReader(None if name == GENERIC else confidence).expect(policy.n_confidence)
    return None
