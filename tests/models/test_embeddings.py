"""Embeddings are told from class scores by their name, or by their length."""

from dataclasses import replace

import onnx
import pytest
from onnx import TensorProto, helper

from compsel.models.embeddings import gives_embedding
from compsel.models.model import Model
from tests.text_models import classifier


def renamed(model: Model, name: str) -> Model:
    proto = model.copy_proto()
    graph = proto.graph
    graph.node[-1].output[0] = graph.output[0].name = name
    return replace(model, proto=proto)


def divided(model: Model, *, by: str) -> Model:
    """Divide the output by its length, or by the sum of what is positive in it."""
    proto = model.copy_proto()
    graph = proto.graph
    graph.node[-1].output[0] = "inner"
    if by == "LpNormalization":
        graph.node.append(helper.make_node(by, ["inner"], ["out"], axis=1, p=2))
    else:
        graph.initializer.append(helper.make_tensor("least", TensorProto.FLOAT, [], [1e-6]))
        graph.node.append(helper.make_node(by, ["inner"], ["norm"], axes=[1] if by == "ReduceL2" else None, keepdims=1))
        graph.node.append(helper.make_node("Clip", ["norm", "least"], ["clipped"]))
        graph.node.append(helper.make_node("Div", ["inner", "clipped"], ["out"]))
    graph.output[0].name = "out"
    onnx.checker.check_model(proto)
    return replace(model, proto=proto)


@pytest.mark.parametrize("name", ["sentence_embedding", "text_embeds", "last_hidden_state", "pooler_output"])
def test_names(name: str) -> None:
    assert gives_embedding(renamed(classifier(), name))


@pytest.mark.parametrize("name", ["logits", "probabilities", "output", "1234"])
def test_names_of_scores_and_of_nothing(name: str) -> None:
    assert not gives_embedding(renamed(classifier(), name))


@pytest.mark.parametrize(("by", "is_one"), [("ReduceL2", True), ("LpNormalization", True), ("ReduceMax", False)])
def test_lengths(by: str, *, is_one: bool) -> None:
    assert gives_embedding(divided(classifier(), by=by)) == is_one
