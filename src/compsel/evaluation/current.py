"""The user's model as it runs today, as a policy to compare with: uncompressed, on ONNX Runtime's default threads."""

from dataclasses import replace

from compsel.bundle.bundle import Bundle
from compsel.processors import default_cpu
from compsel.selection.costs.joining import joined
from compsel.selection.costs.model import CostModel
from compsel.selection.policies import FixedPolicy, Policy

__all__ = ["CURRENT", "current_policy", "judged_by", "sizes_mb", "with_current"]

CURRENT = "current"


def with_current(bundle: Bundle) -> Bundle:
    """Return a bundle that can run its most accurate uncompressed variant on ONNX Runtime's default threads.

    Where that was not measured its costs are set to those of the variant's cheapest processor. A bundle without the
    variant, and one that no CPU runs, is returned as it is.
    """
    policy = bundle.policies.get("most_accurate")
    default = default_cpu()
    if policy is None or not default.availability().available:
        return bundle
    choice = policy.variants[0], default.name
    if choice in bundle.costs.choices:
        return bundle
    best = choice[0], bundle.costs.processors(choice[0], bundle.costs.idle)[0]
    copied = replace(bundle.costs.take([bundle.costs.choices.index(best)]), choices=(choice,))
    return replace(bundle, costs=joined(bundle.costs, copied))


def current_policy(bundle: Bundle, costs: CostModel) -> Policy | None:
    """Return the policy; None where the bundle, or this device, cannot run it (see `with_current`)."""
    policy = bundle.policies.get("most_accurate")
    default = default_cpu().name
    if policy is None or (policy.variants[0], default) not in costs.choices:
        return None
    return FixedPolicy(policy.variants[0], default)


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
