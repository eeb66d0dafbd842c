"""Writing a bundle: what an app, which only reads one, never imports."""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import Any

import compsel
from compsel.bundle.file_names import BASELINES
from compsel.bundle.manifest import write_manifest
from compsel.bundle.opens_first import opens_first
from compsel.selection.costs.model import CostModel
from compsel.selection.objective import Objective
from compsel.selection.policies import Policy
from compsel.storage.files import atomic_directory, without_nan, write_json
from compsel.values import dataclass
from compsel.variants.variant import Variant

__all__ = ["BundleContent", "write_bundle"]


@dataclass(frozen=True)
class BundleContent:
    """What `write_bundle` puts into a bundle: see `Bundle`; `selectors` are ONNX bytes by file name."""

    variants: tuple[Variant, ...]
    files: Path
    policies: Mapping[str, Policy]
    selectors: Mapping[str, bytes]
    objective: Objective
    quality: Mapping[str, float]
    costs: CostModel
    summary: Mapping[str, Any]
    baselines: Mapping[str, Policy] = field(default_factory=dict)


def write_bundle(
    content: BundleContent,
    folder: str | os.PathLike[str],
    *,
    replace: bool = False,
    complete: Callable[[Path], Mapping[str, Any]] | None = None,
) -> None:
    """Write a bundle, whole or not at all.

    Args:
        content: what goes in.
        folder: where.
        replace: whether one that is there already is replaced.
        complete: tries the bundle out, before it gets its place; gives its summary as it shall be then.

    Raises:
        StorageError: a full disk, no permission, a folder that is there already.
    """
    used = {name for policy in content.policies.values() for name in policy.variants}
    variants = [variant for variant in content.variants if variant.name in used]
    with atomic_directory(folder, replace=replace) as temporary:
        (temporary / "variants").mkdir()
        for variant in variants:
            for file in variant.files:
                shutil.copyfile(content.files / file, temporary / "variants" / file)
        for name, data in content.selectors.items():
            (temporary / name).parent.mkdir(exist_ok=True)
            (temporary / name).write_bytes(data)
        write_json(temporary / "policies.json", {name: policy.to_dict() for name, policy in content.policies.items()})
        if content.baselines:
            write_json(temporary / BASELINES, {name: policy.to_dict() for name, policy in content.baselines.items()})
        costs = _shipped_costs(content, variants)
        write_json(temporary / "costs.json", costs.to_dict())
        described = {
            "variants": [variant.to_dict() for variant in variants],
            "selectors": sorted(content.selectors),
            "objective": content.objective.to_dict(),
            "quality": {variant.name: content.quality[variant.name] for variant in variants},
            "opens_first": opens_first(content.policies.get("adaptive"), costs, variants),
        }
        _describe(temporary, described, content.summary)
        if complete is not None:
            _describe(temporary, described, complete(temporary))


def _describe(folder: Path, described: Mapping[str, Any], summary: Mapping[str, Any]) -> None:
    write_json(folder / "bundle.json", {**described, "summary": without_nan(summary)})
    write_manifest(folder, compsel.__version__, summary.get("task", ""))


def _shipped_costs(content: BundleContent, shipped: Sequence[Variant]) -> CostModel:
    """Return the costs of the variants that ship, one of which counts how large inputs are."""
    costs = content.costs.restricted([variant.name for variant in shipped])
    if costs.by_size is None or costs.sized_by in {variant.name for variant in shipped}:
        return costs
    counting = next((variant for variant in content.variants if variant.name == costs.sized_by), None)
    alike = [one.name for one in shipped if counting is not None and one.preprocessing == counting.preprocessing]
    return replace(costs, by_size=replace(costs.by_size, sized_by=alike[0] if alike else ""))
