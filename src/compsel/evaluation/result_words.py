"""Figures in words, as sentences about results say them: no figure that says nothing, never "nan"."""

__all__ = ["POLICIES", "accuracy_words", "ms_words", "percent_words", "way_words"]

# what policies are called
POLICIES = {
    "adaptive": "this bundle",
    "current": "your model today",
    "most_accurate": "uncompressed",
    "fastest": "fastest choice",
    "best_static": "best static choice",
    "hindsight_static": "hindsight static",
    "premodel": "premodel (LCTES 2018)",
    "random": "random choices",
    "oracle": "oracle",
}


_LITTLE = 0.0005


def ms_words(latency_ms: float) -> str:
    """Return a time with three digits.

    >>> ms_words(10.42), ms_words(0.05234), ms_words(5.0), ms_words(12345.6)
    ('10.4 ms', '0.0523 ms', '5 ms', '12.3 s')
    """
    if latency_ms >= 10_000:
        return f"{latency_ms / 1000:.1f} s"
    return f"{latency_ms:.0f} ms" if latency_ms >= 100 else f"{latency_ms:.3g} ms"


def percent_words(share: float) -> str:
    """Return a share as it is written everywhere: one decimal, and a space.

    >>> percent_words(0.84), percent_words(0.0512), percent_words(0.00002), percent_words(0.0)
    ('84.0 %', '5.1 %', '< 0.1 %', '0.0 %')
    """
    return "< 0.1 %" if 0 < share < _LITTLE else f"{100 * share:.1f} %"


def accuracy_words(accuracy: float, right_is: str) -> str:
    """Return an accuracy.

    >>> accuracy_words(0.8812, "right")
    '88.1 % right'
    """
    return f"{100 * accuracy:.1f} % {right_is}"


def way_words(way: str) -> str:
    """Return a way through variants.

    >>> way_words("net/int8-static@cpu:2"), way_words("a/none > b/none")
    ('net/int8-static on cpu:2', 'a/none, then b/none')
    """
    return way.replace(" > ", ", then ").replace("@", " on ")
