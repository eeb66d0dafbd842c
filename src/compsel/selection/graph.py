"""Small ONNX graphs for exported selectors: features in, the column of the choice out."""

from typing import Any

import numpy as np
import numpy.typing as npt

from compsel.optional import require
from compsel.selection.exported import CHOICE, FEATURES, FORMAT_VERSION, SCORES
from compsel.selection.trees import TreeTable

__all__ = ["GraphBuilder"]

_OPSET, _ML_OPSET, _IR_VERSION = 17, 3, 8


class GraphBuilder:
    """Collects nodes and constants; every method returns the name of the tensor that it adds.

    >>> graph = GraphBuilder()
    >>> total = graph.node("ReduceSum", FEATURES, graph.constant(np.array([1])), keepdims=1)
    >>> model = graph.finish(total, graph.node("ArgMin", total, axis=1, keepdims=0), 3, 1, "example")
    >>> [output.name for output in model.graph.output]
    ['choice', 'scores']
    """

    def __init__(self) -> None:
        self._onnx = require("onnx", extra="train")
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def constant(self, value: npt.NDArray[Any]) -> str:
        """Add a constant tensor."""
        name = f"constant{len(self._constants)}"
        self._constants.append(self._onnx.numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, operator: str, *inputs: str, domain: str = "", outputs: int = 1, **attributes: Any) -> str:
        """Add a node; where it has several outputs, their names are the one returned plus ".1", ".2", ..."""
        name = f"tensor{len(self._nodes)}"
        names = [name, *(f"{name}.{index}" for index in range(1, outputs))]
        self._nodes.append(self._onnx.helper.make_node(operator, list(inputs), names, domain=domain, **attributes))
        return name

    def trees(self, table: TreeTable) -> str:
        """Add the answers of a table, float32 (n, n_outputs)."""
        if not len(table.roots):
            shape = self.node(
                "Concat", self.node("Shape", FEATURES, end=1), self.constant(np.ones(1, np.int64)), axis=0
            )
            return self.node("Tile", self.constant(table.bias.astype(np.float32)[None]), shape)
        return self.node("TreeEnsembleRegressor", FEATURES, domain="ai.onnx.ml", **_attributes(table))

    def finish(self, scores: str, choice: str, n_features: int, n_choices: int, kind: str) -> Any:
        """Return the checked ModelProto: outputs `choice` int64 (n,) and `scores` float32 (n, n_choices)."""
        helper, types = self._onnx.helper, self._onnx.TensorProto
        self._nodes.append(helper.make_node("Identity", [choice], [CHOICE]))
        self._nodes.append(helper.make_node("Identity", [scores], [SCORES]))
        graph = helper.make_graph(
            self._nodes,
            "selector",
            [helper.make_tensor_value_info(FEATURES, types.FLOAT, ["n", n_features])],
            [
                helper.make_tensor_value_info(CHOICE, types.INT64, ["n"]),
                helper.make_tensor_value_info(SCORES, types.FLOAT, ["n", n_choices]),
            ],
            self._constants,
        )
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid("ai.onnx.ml", _ML_OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="compsel")
        helper.set_model_props(model, {"compsel.selector": kind, "compsel.selector.version": str(FORMAT_VERSION)})
        self._onnx.checker.check_model(model)
        return model


def _attributes(table: TreeTable) -> dict[str, Any]:
    """The attributes of a TreeEnsembleRegressor node (ai.onnx.ml 3) that answers as the table does."""
    sizes = np.diff(np.append(table.roots, len(table.feature)))
    tree = np.repeat(np.arange(len(table.roots)), sizes)
    start = np.repeat(table.roots, sizes)
    number = np.arange(len(table.feature)) - start
    leaf = np.flatnonzero(table.feature < 0)
    width = table.values.shape[1]
    outputs = np.repeat(table.offset, sizes)[leaf][:, None] + np.arange(width)
    kept = table.values[leaf] != 0.0
    kept[:, 0] = True  # a leaf has to name one output at least
    return {
        "n_targets": table.n_outputs,
        "aggregate_function": "SUM",
        "post_transform": "NONE",
        "base_values": table.bias.astype(np.float32),
        "nodes_treeids": tree,
        "nodes_nodeids": number,
        "nodes_featureids": np.maximum(table.feature, 0),
        "nodes_values": table.threshold,
        "nodes_modes": ["LEAF" if feature < 0 else "BRANCH_LEQ" for feature in table.feature],
        "nodes_truenodeids": np.where(table.feature < 0, 0, table.left - start),
        "nodes_falsenodeids": np.where(table.feature < 0, 0, table.right - start),
        "nodes_missing_value_tracks_true": table.missing_left.astype(np.int64),
        "target_treeids": np.broadcast_to(tree[leaf][:, None], kept.shape)[kept],
        "target_nodeids": np.broadcast_to(number[leaf][:, None], kept.shape)[kept],
        "target_ids": outputs[kept],
        "target_weights": table.values[leaf][kept].astype(np.float32),
    }
