"""Answers a second for 1 to 8 callers: of a single choice, and of the bundle's policy, beside bare sessions."""

from typing import Any

import compsel
from compsel.runtime.runtime import Runtime
from compsel.selection.policies import FixedPolicy
from serving_parts.answered import BareStage, answering_stages, bare_session
from serving_parts.comparison import Options, Part, Row, row
from serving_parts.turns import rates_in_turns

_ROUNDS, _SECONDS = 5, 0.5
_CALLERS = (1, 2, 4, 8)
_WHAT = (
    "callers in threads of one process, each asking again at once, sides in turns; bare sessions have the threads and "
    "the stages that the policy takes for this input at first, and prepare it likewise; bar: never below"
)


def measure(options: Options) -> Part:
    """Measure answers a second."""
    rows: list[Row] = []
    with compsel.load(options.bundle) as runtime:
        value = runtime.modality.decode(options.source)
        stages = answering_stages(runtime, options.source)
        single = FixedPolicy(stages[0].variant, runtime(value).stages[0].processor)
        pinned = runtime.with_policy(single)
        sides = {
            "bare single": _Bare(runtime, stages[:1], value),
            "compsel single": lambda: pinned(value),
            "bare stages": _Bare(runtime, stages, value),
            "compsel policy": lambda: runtime(value),
        }
        for callers in _CALLERS:
            rates = rates_in_turns(sides, callers, _SECONDS, options.rounds or _ROUNDS)
            for ours, theirs in (("compsel single", "bare single"), ("compsel policy", "bare stages")):
                for place, unit in enumerate(("answers/s", "ms of processor time")):
                    mine, bare = ([one[place] for one in rates[side]] for side in (ours, theirs))
                    rows.append(row(f"{theirs}, {callers} callers", bare, unit))
                    rows.append(row(f"{ours}, {callers} callers", mine, unit, theirs, bare))
    return Part(f"{_WHAT}; stages {', '.join(f'{one.variant}@{one.threads}' for one in stages)}", rows)


class _Bare:
    """Bare sessions, one after the other, as a call."""

    def __init__(self, runtime: Runtime, stages: list[BareStage], value: Any) -> None:
        self._modality, self._value = runtime.modality, value
        self._stages = [(bare_session(stage), runtime.bundle.variants[stage.variant]) for stage in stages]

    def __call__(self) -> None:
        for session, variant in self._stages:
            session.run(None, self._modality.graph_feeds(variant, self._value))
