"""The user's model as it runs today, to compare with: uncompressed, on ONNX Runtime's default threads."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from compsel.bundle.bundle import Bundle
from compsel.processors import default_cpu
from compsel.runtime.runtime import Runtime
from compsel.selection.costs.model import CostModel
from compsel.selection.policies import FixedPolicy

__all__ = ["CURRENT", "current_runtime", "judged_by", "sizes_mb"]

CURRENT = "current"


@contextmanager
def current_runtime(runtime: Runtime) -> Iterator[Runtime | None]:
    """Give a runtime of the bundle's most accurate uncompressed variant, on ONNX Runtime's default threads.

    It is one by itself: the policies that are judged plan with the costs of the bundle alone, never run where only this
    one does, and learn nothing from what it takes; nor does it from them. None: the bundle lacks that variant, or no
    CPU runs it.
    """
    bundle, default = runtime.bundle, default_cpu()
    policy = bundle.policies.get("most_accurate")
    if policy is None or not default.availability().available:
        yield None
        return
    name = policy.variants[0]
    alone = replace(
        bundle,
        variants={name: bundle.variants[name]},
        policies={CURRENT: FixedPolicy(name, default.name)},
        baselines={},
        costs=_costs(bundle.costs, (name, default.name)),
    )
    with Runtime(alone, policy=CURRENT, adapt=False) as current:
        yield current


def _costs(costs: CostModel, choice: tuple[str, str]) -> CostModel:
    """Return the costs of one choice: where it was not measured, those of the variant's cheapest processor."""
    if choice in costs.choices:
        return costs.take([costs.choices.index(choice)])
    best = choice[0], costs.processors(choice[0], costs.idle)[0]
    return replace(costs.take([costs.choices.index(best)]), choices=(choice,))


def sizes_mb(bundle: Bundle) -> dict[str, float]:
    """Return what the files take that the adaptive policy needs, and those of the uncompressed model, where it is."""
    needed = {file for name in bundle.policies["adaptive"].variants for file in bundle.variants[name].files}
    sizes = {"adaptive": sum((bundle.folder / "variants" / file).stat().st_size for file in needed) / 1e6}
    if "most_accurate" in bundle.policies:
        sizes[CURRENT] = bundle.variants[bundle.policies["most_accurate"].variants[0]].size_bytes / 1e6
    return sizes


def judged_by(bundle: Bundle, *, labelled: bool) -> str:
    """Return what counts as right where that is neither labels nor agreement with the uncompressed model; else ""."""
    if bundle.summary.get("judging"):
        return "good enough"
    if not labelled and "most_accurate" not in bundle.policies:
        return "agreeing with itself, for there is nothing to compare with"
    return ""
