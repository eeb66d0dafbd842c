"""Bundles of dense layers of any size, on several processors of the CPU, with costs that are given, not measured."""

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from compsel.bundle.writing import BundleContent, write_bundle
from compsel.models.model import Model
from compsel.selection.costs.model import CostModel
from compsel.selection.objective import Objective
from compsel.selection.policies import FixedPolicy
from compsel.variants.writer import write_variant

PROCESSORS = ("cpu:1", "cpu:2", "cpu:2:nospin")
WIDTH = 600  # a layer of 1.4 MB


def row(width: int = WIDTH) -> dict[str, np.ndarray]:
    """Return an input."""
    return {"x": np.ones((1, width), np.float32)}


def dense(name: str, width: int = WIDTH) -> Model:
    """Return a dense layer."""
    weights = np.random.default_rng(len(name)).standard_normal((width, width), np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        name,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, width])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, width])],
        [numpy_helper.from_array(weights, "w")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return Model.from_proto(made, name)


def dense_bundle(folder: Path, names: tuple[str, ...], policy: FixedPolicy, width: int = WIDTH) -> Path:
    """Write a bundle: the first layer is the fastest; the first processor is best when idle, the last when busy."""
    variants = [write_variant(dense(name, width), folder / "files", "other") for name in names]
    choices = tuple((variant.name, processor) for variant in variants for processor in PROCESSORS)
    idle = [factor * (1 + place) for place in range(len(names)) for factor in (1.0, 1.3, 1.5)]
    busy = [factor * (1 + place) for place in range(len(names)) for factor in (7.0, 6.0, 4.0)]
    table = np.array([idle, busy])
    costs = CostModel(choices, np.array([[0.0], [2.0]]), table, table)
    quality = {variant.name: 0.5 + 0.1 * place for place, variant in enumerate(variants)}
    policies = {"adaptive": policy, **{variant.name: FixedPolicy(variant.name) for variant in variants}}
    content = BundleContent(tuple(variants), folder / "files", policies, {}, Objective(), quality, costs, {})
    write_bundle(content, folder / "bundle")
    return folder / "bundle"
