"""The graph says what its answer is evidence for."""

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from compsel.features.fusion import read_evidence, softmax
from compsel.processors.ort_session import OrtSession
from compsel.variants.evidence_outputs import add_evidence_outputs


def passing(n_classes: int | str, dtype: int = TensorProto.FLOAT, opset: int = 17) -> onnx.ModelProto:
    """Return a graph whose scores are its input."""
    shape = [1, n_classes]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["scores"])],
        "passing",
        [helper.make_tensor_value_info("x", dtype, shape)],
        [helper.make_tensor_value_info("scores", dtype, shape)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


@given(st.integers(2, 60), st.integers(0, 2**31), st.sampled_from(["logits", "probabilities"]))
def test_it_says_what_is_read_of_the_scores(n_classes: int, seed: int, output: str) -> None:
    scores = np.random.default_rng(seed).normal(scale=4, size=(1, n_classes)).astype(np.float32)
    probabilities = softmax(scores)
    proto = passing(n_classes)
    assert add_evidence_outputs(proto, output)
    feeds = {"x": scores if output == "logits" else probabilities}
    given_back, logs, top, classes = OrtSession(proto.SerializeToString()).run(feeds)
    np.testing.assert_array_equal(given_back, feeds["x"])
    wanted = read_evidence(probabilities[0])
    np.testing.assert_allclose(np.exp(logs), probabilities, rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(top, wanted.probabilities, rtol=1e-4, atol=1e-9)
    np.testing.assert_array_equal(classes, wanted.classes)


def test_scores_in_half_precision_are_read_in_single() -> None:
    proto = passing(12, TensorProto.FLOAT16)
    assert add_evidence_outputs(proto, "logits")
    scores = np.arange(12, dtype=np.float16)[None]
    _, logs, _, classes = OrtSession(proto.SerializeToString()).run({"x": scores})
    assert logs.dtype == np.float32
    assert classes[0, 0] == 11


@pytest.mark.parametrize(
    ("proto", "output"),
    [(passing("n"), "logits"), (passing(5, opset=11), "logits"), (passing(5), "other")],
)
def test_a_graph_that_it_does_not_fit_stays_as_it_is(proto: onnx.ModelProto, output: str) -> None:
    before = proto.SerializeToString()
    assert not add_evidence_outputs(proto, output)
    assert proto.SerializeToString() == before
