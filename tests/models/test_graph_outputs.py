"""Outputs in unusual places, names that mean something else in a sub-graph, functions: in a form that all can edit."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from compsel.models.editing import edit_graph, sort_nodes
from compsel.models.graph_outputs import restore_repeated_outputs
from compsel.models.graph_queries import node_inputs
from compsel.models.local_functions import inline_functions
from compsel.models.model import Model


def tensor(name: str, *shape: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def model(nodes: list[onnx.NodeProto], outputs: list[str], **weights: np.ndarray) -> onnx.ModelProto:
    held = [numpy_helper.from_array(values, name) for name, values in weights.items()]
    graph = helper.make_graph(nodes, "g", [tensor("x", 2)], [tensor(name, 2) for name in outputs], held)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


RELU = helper.make_node("Relu", ["x"], ["y"])


@pytest.mark.parametrize(
    ("outputs", "distinct"), [(["y", "y"], ["y"]), (["x", "y"], ["y"]), (["y"], ["y"]), (["x"], ["x"])]
)
def test_outputs_are_listed_once_and_later_as_they_were(outputs: list[str], distinct: list[str]) -> None:
    proto = model([RELU], outputs)
    graph = edit_graph(Model.from_proto(proto, "m")).graph
    assert [value.name for value in graph.output] == distinct
    restore_repeated_outputs(graph, proto.graph)
    assert [value.name for value in graph.output] == outputs


def test_a_weight_that_is_an_output_is_given_by_a_node() -> None:
    nodes = [helper.make_node("Add", ["x", "w"], ["y"])]
    graph = edit_graph(Model.from_proto(model(nodes, ["y", "w"], w=np.ones(2, np.float32)), "m")).graph
    assert {name for node in graph.node for name in node.output} == {"y", "w"}
    assert graph.node[0].input[1] == graph.initializer[0].name != "w"


def test_names_of_a_branch_hide_those_outside() -> None:
    """The weight inside is called like what the node gives: it does not read itself."""
    inner = [numpy_helper.from_array(np.ones(2, np.float32), "y")]
    branch = helper.make_graph([helper.make_node("Add", ["x", "y"], ["t"])], "b", [], [tensor("t", 2)], inner)
    node = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    assert node_inputs(node) == {"c", "x"}
    graph = onnx.GraphProto(node=[node])
    sort_nodes(graph)
    assert len(graph.node) == 1


@pytest.mark.parametrize("flat", [True, False], ids=["positions", "indices"])
def test_sparse_weights_become_plain(flat: bool) -> None:
    proto = model([helper.make_node("MatMul", ["x", "s"], ["y"])], ["y"])
    places = np.array([1, 2]) if flat else np.array([[0, 1], [1, 0]])
    values = numpy_helper.from_array(np.array([3, 4], np.float32), "s")
    proto.graph.sparse_initializer.append(helper.make_sparse_tensor(values, numpy_helper.from_array(places), [2, 2]))
    editable = edit_graph(Model.from_proto(proto, "m"))
    assert editable.array(editable.graph.initializer[0]).tolist() == [[0, 3], [4, 0]]
    assert not editable.graph.sparse_initializer


def test_functions_of_another_operator_set_stay() -> None:
    function = helper.make_function("f", "F", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"])], [])
    function.opset_import.append(helper.make_opsetid("", 6))
    proto = model([helper.make_node("F", ["x"], ["y"], domain="f")], ["y"])
    proto.opset_import.append(helper.make_opsetid("f", 1))
    proto.functions.append(function)
    inline_functions(proto)
    assert [node.op_type for node in proto.graph.node] == ["F"]
    assert len(proto.functions) == 1
