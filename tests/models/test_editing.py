import onnx
from onnx import helper

from compsel.models.editing import sort_nodes


def sorted_names(*nodes: onnx.NodeProto) -> list[str]:
    graph = onnx.GraphProto(node=nodes)
    sort_nodes(graph)
    return [node.name for node in graph.node]


def test_nodes_follow_what_they_read_and_keep_their_order_otherwise() -> None:
    late = helper.make_node("Relu", ["a"], ["b"], "late")
    inner = helper.make_graph([helper.make_node("Neg", ["b"], ["i"])], "inner", [], [onnx.ValueInfoProto(name="i")])
    branch = helper.make_node("If", ["flag"], ["c"], "branch", then_branch=inner, else_branch=inner)
    first = helper.make_node("Relu", ["x"], ["a"], "first")
    other = helper.make_node("Neg", ["x"], ["d"], "other")
    assert sorted_names(branch, late, first, other) == ["first", "other", "late", "branch"]


def test_omitted_inputs_and_outputs_tie_no_nodes() -> None:
    recurrent = helper.make_node("LSTM", ["x", "w", "r", "", "", "h"], ["", "y"], "recurrent")
    clip = helper.make_node("Clip", ["z", "", "six"], ["c"], "clip")
    assert sorted_names(clip, recurrent) == ["clip", "recurrent"]
