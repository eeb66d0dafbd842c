"""`map` beside the best batching by hand: bare sessions, told beforehand which inputs go on, in groups of 1 to 64."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

import compsel
from compsel.runtime.runtime import Runtime
from serving_parts.answered import bare_session, bare_stages
from serving_parts.comparison import Options, Part, Row, compared
from serving_parts.varied import varied

_ROUNDS, _COUNT = 9, 128
_SIZES = (1, 8, 32, 64)
_WHAT = (
    f"{_COUNT} inputs near the given one, one process, sides in turns; by hand: each stage's bare session gets the "
    "inputs that need it, of one shape together, where rows are proven independent; decoding and preparing included on "
    "both sides; the decisions of the policy are given to the hand, and cost it nothing; bar: as fast as its best group"
)

Feeds = dict[str, np.ndarray]


def measure(options: Options) -> Part:
    """Measure many inputs."""
    with compsel.load(options.bundle, adapt=False) as runtime:
        sources = varied(runtime, options.source, _COUNT)
        stages: dict[str, list[int]] = {}
        where: dict[str, Counter[str]] = {}
        for number, answer in enumerate(runtime.map(sources)):
            for stage in answer.stages:
                stages.setdefault(stage.variant, []).append(number)
                where.setdefault(stage.variant, Counter())[stage.processor] += 1
        choices = {variant: (variant, found.most_common(1)[0][0]) for variant, found in where.items()}
        hand = [(_Hand(runtime, choices[variant]), numbers) for variant, numbers in stages.items()]

        def by_hand(size: int) -> None:
            for begin in range(0, _COUNT, size):
                values = {number: runtime.modality.decode(sources[number]) for number in range(begin, begin + size)}
                for session, numbers in hand:
                    session([values[number] for number in numbers if number in values])

        def by_map(size: int) -> None:
            for _ in runtime.map(sources, batch=size):
                pass

        sides: dict[str, Callable[[], Any]] = {}
        for size in _SIZES:
            sides[f"bare, groups of {size}"] = partial(by_hand, size)
            sides[f"compsel map, batch={size}"] = partial(by_map, size)
        sides["compsel calls"] = lambda: [runtime(source) for source in sources]
        times = _times(sides, options.rounds or _ROUNDS)
    best = min((name for name in times if name.startswith("bare")), key=lambda name: np.median(times[name]))
    rows: list[Row] = compared({best: times[best]} | {n: t for n, t in times.items() if n.startswith("compsel")}, "ms")
    told = ", ".join(f"{'@'.join(choices[variant])} {len(numbers)}" for variant, numbers in stages.items())
    return Part(f"{_WHAT}; inputs by stage: {told}", rows, {"times_ms": times})


class _Hand:
    """A bare session that gets inputs of one shape together."""

    def __init__(self, runtime: Runtime, choice: tuple[str, str]) -> None:
        self._variant, self._modality = runtime.bundle.variants[choice[0]], runtime.modality
        tensors = self._variant.pixels_file is None
        self._session = bare_session(bare_stages(runtime, [choice], tensors)[0])
        self._together = self._variant.independent_rows and not isinstance(self._session.get_inputs()[0].shape[0], int)

    def __call__(self, values: Sequence[Any]) -> None:
        alike: dict[Any, list[Feeds]] = {}
        for number, value in enumerate(values):
            feeds = value if isinstance(value, dict) else dict(self._modality.graph_feeds(self._variant, value))
            form = tuple(tensor.shape for tensor in feeds.values())
            alike.setdefault(form if self._together else number, []).append(feeds)
        for group in alike.values():
            self._session.run(None, {name: np.concatenate([feeds[name] for feeds in group]) for name in group[0]})


def _times(sides: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    rng, order = np.random.default_rng(0), list(sides)
    times: dict[str, list[float]] = {name: [] for name in sides}
    for call in sides.values():
        call()
    for _ in range(rounds):
        rng.shuffle(order)
        for name in order:
            begin = time.perf_counter()
            sides[name]()
            times[name].append(1e3 * (time.perf_counter() - begin))
    return times
