"""Bundles of one uncompressed model, made without measuring: what `run` answers is then that of the model itself."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

import compsel
from compsel.bundle.writing import BundleContent, write_bundle
from compsel.models.model import Model
from compsel.runtime import Runtime
from compsel.selection.costs.model import CostModel
from compsel.selection.objective import Objective
from compsel.selection.policies import FixedPolicy
from compsel.variants.variant import OutputKind
from compsel.variants.writer import write_variant


def pinned(
    model: Model,
    folder: Path,
    output: OutputKind = "other",
    independent_rows: bool = False,
    processors: Sequence[str] = ("cpu:1",),
) -> Runtime:
    """Return a runtime of a model that runs it as it is, on the first of some processors."""
    files = folder / "files"
    files.mkdir(parents=True)
    variant = replace(write_variant(model, files, output), independent_rows=independent_rows)
    latency_ms = np.arange(1.0, 1 + len(processors))[None]
    costs = CostModel(tuple((variant.name, word) for word in processors), np.array([[0.0]]), latency_ms, latency_ms)
    policies = {"adaptive": FixedPolicy(variant.name)}
    content = BundleContent((variant,), files, policies, {}, Objective(), {variant.name: 1.0}, costs, {})
    write_bundle(content, folder / "bundle")
    return compsel.load(folder / "bundle")
