"""Where the parts of a graph really run: measured, because a provider may leave operators to the CPU without a word."""

import json
import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from compsel.values import dataclass

__all__ = ["Placement", "place", "time_share"]

_SHOWN_KINDS = 4


@dataclass(frozen=True, slots=True)
class Placement:
    """Which part of a graph runs where it was asked to run.

    Attributes:
        node_share: share of the graph's operators that run on the asked-for provider, 0 to 1, after ONNX Runtime's
            first simplifications; constants and shapes that it leaves to the CPU on purpose count as left.
        elsewhere: kinds of the others, the most frequent first.
        time_share: share of the time in operators that the asked-for provider took, as the calling process sees it (a
            device that works on while the process goes on looks shorter than it is); NaN where it was not measured.

    >>> str(Placement(0.8, ("Resize", "NonZero"), time_share=0.5))
    'partly placed: 80 % of the operators and 50 % of the time; elsewhere Resize, NonZero'
    >>> str(Placement(1.0))
    'wholly placed'
    """

    node_share: float
    elsewhere: tuple[str, ...] = ()
    time_share: float = math.nan

    @property
    def whole(self) -> bool:
        """Whether nothing is left to another provider."""
        return not self.elsewhere

    def __str__(self) -> str:
        if self.whole:
            return "wholly placed"
        time = "" if math.isnan(self.time_share) else f" and {100 * self.time_share:.0f} % of the time"
        more = ", ..." if len(self.elsewhere) > _SHOWN_KINDS else ""
        kinds = ", ".join(self.elsewhere[:_SHOWN_KINDS])
        return f"partly placed: {100 * self.node_share:.0f} % of the operators{time}; elsewhere {kinds}{more}"


def place(assigned: Mapping[str, Sequence[str]], provider: str, operators: int = 0) -> Placement:
    """Return the placement of a graph on `provider`.

    Args:
        assigned: kinds of the operators by the provider that they were assigned to. Of providers that change the
            layout of tensors, ONNX Runtime 1.27 lists only a part; of the others it lists all.
        provider: the asked-for one.
        operators: how many the graph has; fewer than are listed: those listed.

    >>> place({"GpuExecutionProvider": ["Conv", "Relu"], "CPUExecutionProvider": ["Resize"]}, "GpuExecutionProvider", 4)
    Placement(node_share=0.75, elsewhere=('Resize',), time_share=nan)
    """
    others = Counter(kind for name, kinds in assigned.items() if name != provider for kind in kinds)
    count = max(operators, sum(map(len, assigned.values())))
    return Placement(1 - others.total() / count if count else 0.0, tuple(kind for kind, _ in others.most_common()))


def time_share(profile: str | os.PathLike[str], provider: str, runs: int) -> float:
    """Return the share of the time in operators that `provider` took, from a profile that ONNX Runtime wrote.

    Args:
        profile: the file.
        provider: the asked-for one.
        runs: so many runs at the end count: what is compiled in the first ones would outweigh the rest.

    Returns:
        0 to 1; NaN where the profile tells of no operator.
    """
    events = json.loads(Path(profile).read_bytes())
    starts = sorted(event["ts"] for event in events if event.get("name") == "model_run")
    since = starts[-runs] if len(starts) >= runs else 0
    spent: Counter[str] = Counter()
    for event in events:
        if event.get("cat") == "Node" and event["ts"] >= since and str(event.get("name")).endswith("_kernel_time"):
            spent[event.get("args", {}).get("provider", "")] += event["dur"]
    return spent[provider] / spent.total() if spent.total() else math.nan
