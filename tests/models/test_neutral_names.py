import onnx
import pytest
from onnx import helper

from compsel.models.neutral_names import NeutralNames
from tests.techniques.foreign import FLOAT, value, weight


def graph_with_branches() -> onnx.GraphProto:
    """A graph whose names are made of each other, and whose branches read its values."""
    add = helper.make_node("Add", ["x", "x_scale"], ["inner"])
    branch = helper.make_graph([add], "b", [], [value("inner", FLOAT, [2])])
    nodes = [
        helper.make_node("Relu", ["x"], ["x1"]),
        helper.make_node("Mul", ["x1", "w"], ["x_scale"]),
        helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch),
    ]
    inputs = [value("x", FLOAT, [2]), value("c", onnx.TensorProto.BOOL, [])]
    graph = helper.make_graph(nodes, "g", inputs, [value("y", FLOAT, [2])], [weight("w", 2)])
    graph.value_info.append(value("x1", FLOAT, [2]))
    return graph


def test_names_come_back_at_every_depth() -> None:
    graph = graph_with_branches()
    before = onnx.GraphProto.FromString(graph.SerializeToString())
    names = NeutralNames(graph)
    assert graph.node[2].attribute[0].g.node[0].input[0] == names["x"] != "x"
    names.restore(graph)
    assert graph == before


@pytest.mark.parametrize("suffix", ["1", "_scale", ""])
def test_what_is_added_never_takes_a_name(suffix: str) -> None:
    graph = graph_with_branches()
    names = NeutralNames(graph)
    added = names["x"] + suffix if suffix else "~99~"
    graph.node.append(helper.make_node("Abs", [names["x"]], [added]))
    names.restore(graph)
    made = [name for node in graph.node for name in node.output]
    assert len(set(made)) == len(made) == 4
    assert graph.node[-1].input[0] == "x"
    onnx.checker.check_graph(graph, _context())


def _context() -> onnx.checker.C.CheckerContext:
    context = onnx.checker.C.CheckerContext()
    context.ir_version = 8
    context.opset_imports = {"": 17}
    return context
