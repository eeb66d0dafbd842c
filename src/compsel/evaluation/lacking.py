"""What an evaluation cannot say, because the bundle holds no more than what answers; and how to get it."""

from collections.abc import Iterable

from compsel.evaluation.result_words import POLICIES

__all__ = ["lacking_words"]

_HOW = "give what the build measured, --profile DIR (the build left it in BUNDLE.work)"


def lacking_words(names: Iterable[str], contenders: int, *, all_measured: bool) -> str:
    """Return a sentence; "" where nothing lacks.

    Args:
        names: of the policies that are not here.
        contenders: number of variants that a sceptic could choose from.
        all_measured: whether these are all that the build measured.

    >>> lacking_words([], contenders=9, all_measured=True)
    ''
    >>> lacking_words(["current", "most_accurate"], contenders=1, all_measured=False)
    'This bundle holds one choice. Not in it, and so not compared: your model today, uncompressed; what a sceptic or \
an oracle would choose instead: give what the build measured, --profile DIR (the build left it in BUNDLE.work).'
    """
    parts = [", ".join(POLICIES[name] for name in names)]
    if contenders == 1 and not all_measured:
        parts.append("what a sceptic or an oracle would choose instead")
    missing = "; ".join(part for part in parts if part)
    if missing:
        holds = "This bundle holds one choice" if contenders == 1 else f"This bundle holds {contenders} variants"
        return f"{holds}. Not in it, and so not compared: {missing}: {_HOW}."
    return "" if all_measured else f"Hindsight static is the best of the {contenders} variants in this bundle: {_HOW}."
