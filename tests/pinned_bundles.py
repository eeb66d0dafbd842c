"""Bundles of one uncompressed model, made without measuring: what `run` answers is then that of the model itself."""

from dataclasses import replace
from pathlib import Path

import numpy as np

import compsel
from compsel.bundle.bundle import BundleContent, write_bundle
from compsel.models.model import Model
from compsel.runtime import Runtime
from compsel.selection.costs.model import CostModel
from compsel.selection.objective import Objective
from compsel.selection.policies import FixedPolicy
from compsel.variants.variant import OutputKind
from compsel.variants.writer import write_variant


def pinned(model: Model, folder: Path, output: OutputKind = "other", independent_rows: bool = False) -> Runtime:
    """Return a runtime of a model that runs it as it is."""
    files = folder / "files"
    files.mkdir(parents=True)
    variant = replace(write_variant(model, files, output), independent_rows=independent_rows)
    costs = CostModel(((variant.name, "cpu:1"),), np.array([[0.0]]), np.ones((1, 1)), np.ones((1, 1)))
    policies = {"adaptive": FixedPolicy(variant.name)}
    content = BundleContent((variant,), files, policies, {}, Objective(), {variant.name: 1.0}, costs, {})
    write_bundle(content, folder / "bundle")
    return compsel.load(folder / "bundle")
