"""Fuse the steps of transformers into the operators that ONNX Runtime has for them."""

import contextlib
import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import onnx
from onnx import helper

from compsel.errors import NotApplicableError
from compsel.inputs.samples import Samples
from compsel.models.contrib_ops import CONTRIB_DOMAIN, is_fused
from compsel.models.editing import edit_graph, remove_unused, sort_nodes
from compsel.models.graph_queries import is_standard
from compsel.models.model import Model
from compsel.models.shapes import infer_types
from compsel.techniques.base import Technique

__all__ = ["Fuse"]


# operators in the steps that are fused
_SIGNS = ("Softmax", "Erf", "Tanh", "LayerNormalization")


@dataclass(frozen=True)
class Fuse(Technique):
    """Attention, GELU, embeddings and normalised residual sums as one operator each, by ONNX Runtime's own optimiser.

    The weights of queries, keys and values become one. Providers that do not fuse when they open a model need it done;
    the CPU gains little: all-MiniLM-L6-v2 on one thread is as fast as before with 10 tokens, and slower with 64. The
    operators are those of ONNX Runtime (domain `com.microsoft`): no other runtime has them. `int8-dynamic` and
    `float16` know them.

    >>> Fuse().spec
    'fuse'
    """

    name: ClassVar[str] = "fuse"
    most_relative_error: ClassVar[float | None] = 0.01

    @classmethod
    def suggestions(cls, model: Model) -> tuple[Technique, ...]:
        """Return nothing: on a CPU it does not pay."""
        return ()

    def check(self, model: Model) -> None:
        """Raise NotApplicableError without attention or GELU, or with a quantised graph."""
        self._check_float(model)
        if not any(
            is_standard(node, "Softmax", "Erf", "Tanh", "LayerNormalization") for node in model.proto.graph.node
        ):
            raise NotApplicableError(f"fuse: {model.name!r} has no attention, GELU or layer normalisation")

    def _transform(self, model: Model, calibration: Samples | None) -> Model:
        editable = edit_graph(model)
        types = infer_types(editable)
        before = _count(editable.proto)
        fused = _optimise(editable.materialise(), model.name)
        if _count(fused) == before:
            raise NotApplicableError(f"fuse: nothing in {model.name!r} has a form that ONNX Runtime's optimiser knows")
        sort_nodes(fused.graph)
        remove_unused(fused.graph)
        _declare(fused.graph, types)
        return model.with_proto(fused)


def _declare(graph: onnx.GraphProto, types: Mapping[str, onnx.ValueInfoProto]) -> None:
    """Write down the types of what fused operators give: ONNX's type inference does not know these operators."""
    outer = {value.name for value in graph.output}
    del graph.value_info[:]
    for node in graph.node:
        name = node.output[0]
        if is_fused(node) and name not in outer:
            # most values keep their names
            known = types.get(name)
            made = helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
            graph.value_info.append(made if known is None else known)


def _optimise(proto: onnx.ModelProto, name: str) -> onnx.ModelProto:
    from onnxruntime.transformers.fusion_options import FusionOptions
    from onnxruntime.transformers.optimizer import optimize_by_fusion

    options = FusionOptions("bert")
    # it needs a further package; the verification of variants shows where a sum that broadcasts was fused
    options.enable_shape_inference = False
    metadata = list(proto.metadata_props)
    producer = proto.producer_name, proto.producer_version
    with _quiet():
        try:
            # 0, 0: heads and width are found in the graph
            fused: onnx.ModelProto = optimize_by_fusion(proto, "bert", 0, 0, options).model
        except (AssertionError, AttributeError, KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
            raise NotApplicableError(
                f"fuse: ONNX Runtime's optimiser does not take {name!r} ({error!r:.200})"
            ) from error
    del fused.metadata_props[:]
    fused.metadata_props.extend(metadata)
    fused.producer_name, fused.producer_version = producer
    if all(entry.domain != CONTRIB_DOMAIN for entry in fused.opset_import):
        fused.opset_import.add(domain=CONTRIB_DOMAIN, version=1)
    return fused


def _count(proto: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in proto.graph.node if is_fused(node))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the optimiser, whose modules log under their own names, from saying which steps it left as they are."""

    def foreign(record: logging.LogRecord) -> bool:
        return "transformers" not in record.pathname

    handlers = [handler for handler in (*logging.getLogger().handlers, logging.lastResort) if handler is not None]
    for handler in handlers:
        handler.addFilter(foreign)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(foreign)
