"""Small ONNX graphs for exported selectors: features in, the column of the choice out."""

from abc import abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

from compsel.errors import require
from compsel.selection.export.onnx_selector import CHOICE, FEATURES, FORMAT_VERSION, SCORES, ExportedSelector
from compsel.selection.selectors.base import FeatureMatrix, Selector
from compsel.selection.selectors.tree_table import TreeTable

__all__ = ["DOUBLE", "FLOAT", "GraphSelector", "SelectorGraph"]

FLOAT, DOUBLE = 1, 11  # element types of onnx.TensorProto

_OPSET, _ML_OPSET, _IR_VERSION = 17, 3, 8


class SelectorGraph:
    """Collects nodes and constants; every method returns the name of the tensor that it adds.

    >>> graph = SelectorGraph()
    >>> graph.node("ReduceSum", FEATURES, graph.constant(np.array([1])), keepdims=1)
    'tensor0'
    """

    def __init__(self) -> None:
        require("onnx.numpy_helper", extra="train")
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
        sums = self.node("TreeEnsembleRegressor", FEATURES, domain="ai.onnx.ml", **_attributes(table))
        # not as base_values: ONNX Runtime leaves them out for an output that none of the reached leaves adds to
        return self.node("Add", sums, self.constant(table.bias.astype(np.float32)))

    def finish(self, scores: str, selector: Selector, exact_scores: str | None = None) -> Any:
        """Return the checked ModelProto: the least of the scores is the choice, the first of equal ones.

        Args:
            scores: name of a float32 tensor (n, n_choices).
            selector: whose graph this is.
            exact_scores: name of a tensor of another type that decides in place of `scores`.
        """
        choice = self.node("ArgMin", exact_scores or scores, axis=1, keepdims=0)
        n_features, n_choices, kind = selector.n_features_in_, selector.n_choices_, type(selector).__name__
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


class GraphSelector(Selector):
    """A selector that decides by an ONNX graph, before it is exported as after, so one row takes microseconds.

    Subclasses write `graph`, and `decide`: the same decision in numpy, which export compares. The session is opened
    when first needed and is not part of a copy.
    """

    @abstractmethod
    def graph(self) -> Any:
        """The decision as an ONNX ModelProto, from `SelectorGraph.finish`."""

    @abstractmethod
    def decide(self, X: FeatureMatrix) -> npt.NDArray[np.integer[Any]]:
        """The columns (n,) for a checked `X` (n, n_features), computed with numpy alone."""

    def _predict(self, X: FeatureMatrix) -> npt.NDArray[np.integer[Any]]:
        return self._engine().run(X)

    def _select(self, features: npt.NDArray[np.float32]) -> int:
        return int(self._engine().run(features[None])[0])

    def _engine(self) -> ExportedSelector:
        if "_exported" not in self.__dict__:
            self._exported = ExportedSelector(self.graph().SerializeToString())
        return self._exported

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_exported"}


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
