"""Bundles of the simulated fleet: the shipped selector and the measured costs, around small files that stand in."""

from collections.abc import Sequence
from pathlib import Path

from compsel.bundle.bundle import Bundle
from compsel.bundle.writing import BundleContent, write_bundle
from compsel.networks import build
from compsel.profiling.profile import Profile
from compsel.selection.costs.fitting import fit_costs
from compsel.selection.costs.model import CostModel
from compsel.selection.objective import Objective
from compsel.selection.policies import CascadePolicy, policy_from_dict
from compsel.storage.strict_json import read_json
from compsel.variants.variant import Variant
from compsel.variants.writer import write_variant

__all__ = ["wasteful", "write_first"]


def write_first(profile: Profile, trained: Path, folder: Path) -> Path:
    """Write the bundle that devices have at first; its networks are never run here, so a tiny one stands in for each.

    Args:
        profile: as measured (`training_data/`).
        trained: what `examples/retrain.py --only-train` wrote of it (`pretrained/`).
        folder: of the bundle.
    """
    document = read_json(trained)
    policy = policy_from_dict(document["policy"], {})
    if profile.latency is None:
        raise SystemExit("the profile has no latencies: give training_data/efficientnet-lite")
    costs = _of(fit_costs(profile.latency), policy.variants)
    quality = dict(zip(profile.names, profile.quality.mean(axis=0).tolist(), strict=True))
    return _write(policy, costs, quality, Objective.from_dict(document["objective"]), len(profile.samples), folder)


def wasteful(old: Path, folder: Path) -> Path:
    """Write a bad candidate: a bundle to which a wrong answer is so dear that it runs whatever it can."""
    bundle = Bundle.load(old)
    policy = bundle.policies["adaptive"]
    assert isinstance(policy, CascadePolicy)
    content = CascadePolicy(policy.policy, 1000 * policy.penalty, policy.expected_quality)
    n_samples = int(bundle.summary["n_samples"])
    return _write(content, bundle.costs, dict(bundle.quality), bundle.objective, n_samples, folder)


def _of(costs: CostModel, variants: Sequence[str]) -> CostModel:
    return costs.take([place for place, (variant, _) in enumerate(costs.choices) if variant in variants])


# many parameters: what a bundle is made of
def _write(
    policy: object, costs: CostModel, quality: dict[str, float], objective: Objective, n_samples: int, folder: Path
) -> Path:
    assert isinstance(policy, CascadePolicy)
    files = folder.with_name(f"{folder.name}.files")
    files.mkdir(parents=True)
    made = write_variant(build("mobilenet-v1", width=0.25, resolution=64, classes=10), files, "logits")
    variants = tuple(Variant.from_dict({**made.to_dict(), "name": name}) for name in policy.variants)
    known = {name: quality[name] for name in policy.variants}
    summary = {"n_samples": n_samples, "simulated": True}
    write_bundle(BundleContent(variants, files, {"adaptive": policy}, {}, objective, known, costs, summary), folder)
    return folder
