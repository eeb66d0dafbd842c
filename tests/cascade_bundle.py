"""A bundle whose policies are known: three variants of EfficientNet-Lite0, costs that are given, not measured."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from compsel.bundle.writing import BundleContent, write_bundle
from compsel.profiling.profile import Profile
from compsel.selection.cascade.fitting import fit_cascade
from compsel.selection.costs.model import CostModel
from compsel.selection.export.onnx_selector import ExportedSelector
from compsel.selection.export.to_onnx import to_onnx
from compsel.selection.objective import Objective
from compsel.selection.policies import CascadePolicy, FixedPolicy, Policy, SelectingPolicy
from compsel.selection.selectors.cost_sensitive import CostSensitiveSelector

NONE, INT8, LOWER = (f"efficientnet-lite0/{name}" for name in ("none", "int8-static", "resolution:128"))
# (ms, idle), (ms, beside two busy neighbours)
LATENCY_MS = {NONE: (9.0, 27.0), INT8: (4.0, 8.0), LOWER: (2.0, 7.0)}
PENALTY = 40.0
SELECTOR = "selectors/cost-sensitive.onnx"


def costs(processor: str = "cpu:1") -> CostModel:
    """One processor; the 95th percentile is half as much again as the mean."""
    table = np.array(list(LATENCY_MS.values())).T
    return CostModel(tuple((name, processor) for name in LATENCY_MS), np.array([[0.0], [2.0]]), table, 1.5 * table)


def cascade_policy(profile: Profile) -> CascadePolicy:
    """Learned from the profile, over the variants in the order of the bundle."""
    columns = [profile.names.index(name) for name in LATENCY_MS]
    policy = fit_cascade(list(LATENCY_MS), [profile.evidence[column] for column in columns], profile.labels)
    return CascadePolicy(policy, PENALTY)


def selecting_policy(profile: Profile) -> tuple[SelectingPolicy, bytes]:
    """A selector over the image features, and its file."""
    table = np.array([costs[0] for costs in LATENCY_MS.values()])
    columns = [profile.names.index(name) for name in LATENCY_MS]
    wrong = PENALTY * (1.0 - profile.quality[:, columns])
    features = profile.features[:, [name.startswith("image.") for name in profile.feature_names]]
    data = to_onnx(CostSensitiveSelector().fit(features, table + wrong))
    return SelectingPolicy(tuple(LATENCY_MS), ExportedSelector(data), SELECTOR, "image"), data


def write(profile: Profile, files: Path, folder: Path) -> Path:
    """Write the bundle; `files` is the folder of the variants."""
    selecting, data = selecting_policy(profile)
    policies = {
        "adaptive": cascade_policy(profile),
        "most_accurate": FixedPolicy(NONE, "cpu:1"),
        "fastest": FixedPolicy(LOWER, "cpu:1"),
        "best_static": FixedPolicy(INT8, "cpu:1"),
        "premodel": selecting,
    }
    return write_with(policies, {SELECTOR: data}, profile, files, folder)


def write_with(
    policies: Mapping[str, Policy], selectors: Mapping[str, bytes], profile: Profile, files: Path, folder: Path
) -> Path:
    """Write a bundle with other policies, and the given costs."""
    quality = dict(zip(profile.names, profile.quality.mean(axis=0).tolist(), strict=True))
    summary = {"penalty_ms": PENALTY, "shipped": "cascade"}
    content = BundleContent(profile.variants, files, policies, selectors, Objective(), quality, costs(), summary)
    write_bundle(content, folder)
    return folder
