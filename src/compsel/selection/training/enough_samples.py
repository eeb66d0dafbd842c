"""How many samples a policy can be trained and judged on at least."""

from compsel.errors import TooFewSamplesError

__all__ = ["check_enough_to_train"]

_LEAST_SAMPLES, _LEAST_GROUPS = 20, 5


def check_enough_to_train(count: int, groups: int | None = None) -> None:
    """Raise TooFewSamplesError unless so many samples, of so many groups, can train a policy and judge it.

    >>> check_enough_to_train(20)
    >>> check_enough_to_train(60, groups=3)
    Traceback (most recent call last):
    compsel.errors.TooFewSamplesError: got 60 samples of 3 groups, needed are at least 5 groups: ...
    """
    if count < _LEAST_SAMPLES:
        raise TooFewSamplesError(
            f"got {count} sample{'s' * (count != 1)}, needed are at least {_LEAST_SAMPLES}: "
            "what ships is trained on four fifths of them "
            "and judged on the others, five times; some hundred make a difference: see "
            "docs/explanation/how-many-samples.md"
        )
    if groups is not None and groups < _LEAST_GROUPS:
        raise TooFewSamplesError(
            f"got {count} samples of {groups} group{'s' * (groups != 1)}, needed are at least {_LEAST_GROUPS} groups: "
            "what ships is judged on groups that it was not trained on, five times; give samples of more groups, or "
            "leave the groups away where samples are independent of each other"
        )
