"""Batches of 1 to 64 rows through `run`: a pinned choice, and the bundle's policy, beside bare sessions."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import compsel
from compsel.runtime.runtime import Runtime
from compsel.selection.policies import FixedPolicy
from serving_parts.answered import bare_session, bare_stages
from serving_parts.comparison import Options, Part, Row, row
from serving_parts.turns import times_in_turns

_ROUNDS = 15
_SIZES = (1, 2, 4, 8, 16, 32, 64)
_WHAT = (
    "one process, sides in turns; the rows are the given input and others made of it; the policy is compared with a "
    "bare session of the best single choice ('best_static'), which gets the same batch; bar: never slower"
)


def measure(options: Options) -> Part:
    """Measure batches."""
    rows: list[Row] = []
    with compsel.load(options.bundle) as runtime:
        best = runtime.bundle.policies.get("best_static", runtime.bundle.policies["adaptive"])
        variant = best.variants[0]
        processor = best.processor or runtime.costs.processors(variant, runtime.costs.idle)[0]
        pinned = runtime.with_policy(FixedPolicy(variant, processor))
        session = bare_session(bare_stages(runtime, [(variant, processor)], True)[0])
        independent = all(one.independent_rows for one in runtime.bundle.variants.values())
        for size in _SIZES:
            feed = _batch(runtime, options.source, variant, size)
            sides: dict[str, Callable[[], Any]] = {
                "bare": partial(session.run, None, feed),
                "compsel pinned": partial(pinned.run, None, feed),
                "compsel policy": partial(runtime.run, None, feed),
            }
            turns = times_in_turns(sides, options.rounds or _ROUNDS)
            bare = turns["bare"]
            rows.append(row(f"bare, {size} rows", bare.wall_ms, "ms"))
            for name in list(sides)[1:]:
                rows.append(row(f"{name}, {size} rows", turns[name].wall_ms, "ms", "bare", bare.wall_ms))
                rows.append(row(f"{name}, {size} rows: processor time", turns[name].own_ms, "ms", "bare", bare.own_ms))
    proven = (
        "rows are proven independent" if independent else "rows are not proven independent: no row is decided alone"
    )
    return Part(f"{_WHAT}; {variant}@{processor}; {proven}", rows)


def _batch(runtime: Runtime, source: str, variant: str, size: int) -> dict[str, np.ndarray]:
    """Return rows: the input, and it with noise of a tenth of its spread."""
    described = runtime.bundle.variants[variant]
    one = runtime.modality.feeds(described, runtime.modality.decode(source))
    rng = np.random.default_rng(0)
    return {
        name: np.concatenate([tensor, *(_near(tensor, rng) for _ in range(size - 1))]) for name, tensor in one.items()
    }


def _near(tensor: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if tensor.dtype.kind != "f":
        return tensor
    return (tensor + rng.normal(0, 0.1 * max(tensor.std(), 1e-3), tensor.shape)).astype(tensor.dtype)
