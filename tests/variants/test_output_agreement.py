"""What verification sees: outputs of any length, type and structure, small channels, errors beyond rounding."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from compsel.features.tasks.multioutput import Multioutput
from compsel.inputs.samples import ArraySamples
from compsel.models.model import Model
from compsel.variants.error_bounds import unexplained
from compsel.variants.output_agreement import OutputAgreement, invalid_output
from compsel.variants.verification import verify
from tests import answering_models


def scaled(factors: list[float], name: str = "m") -> Model:
    """One-dimensional convolutions, each channel times a factor; any length."""
    weights = np.array(factors, np.float32).reshape(-1, 1, 1)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1, "length"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", len(factors), "length"])],
        [numpy_helper.from_array(weights, "w")],
    )
    return Model.from_proto(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), name)


def signals() -> ArraySamples:
    """Return signals of different lengths."""
    generator = np.random.default_rng(0)
    return ArraySamples([{"x": generator.standard_normal((1, 1, 5 + n)).astype(np.float32)} for n in range(12)])


def changed(model: Model, other: Model, technique: str) -> Model:
    return model.with_proto(other.proto, technique=technique)


def test_outputs_of_different_lengths_are_compared() -> None:
    model = scaled([1.0, 1.0])
    assert verify(changed(model, scaled([1.0, 1.01]), "prune:0.5"), model, signals()).ok
    reason = verify(changed(model, scaled([-1.0, -1.0]), "prune:0.5"), model, signals()).reason
    assert "it has become another function: its output has a correlation of -1.00" in reason
    assert (
        "no longer depends on the input"
        in verify(changed(model, scaled([0.0, 0.0]), "prune:0.5"), model, signals()).reason
    )


def test_a_small_channel_that_is_ruined_is_seen() -> None:
    model = scaled([1.0, 1e-3])
    assert verify(changed(model, scaled([1.0, 1.1e-3]), "int8-static"), model, signals()).ok
    found = verify(changed(model, scaled([1.0, -1e-3]), "int8-static"), model, signals())
    assert found.reason == "channel 1 of its output 0 is ruined: its error is 2.0 times its size"
    assert found.relative_error is not None and found.relative_error < 0.01
    assert found.channel_error == pytest.approx(2.0)


@pytest.mark.parametrize(("technique", "ok"), [("int16-weight", False), ("float16", False), ("int8-static", True)])
def test_an_error_that_rounding_cannot_explain(technique: str, ok: bool) -> None:
    model = scaled([1.0, 1.0])
    found = verify(changed(model, scaled([1.2, 1.2]), technique), model, signals())
    assert found.ok == ok
    if not ok:
        assert f"its outputs differ by 0.2 from the model's (relative error), {technique} explains" in found.reason


def test_types_and_structures_have_to_stay() -> None:
    want = [np.zeros((1, 2), np.float32)]
    assert invalid_output(want, [np.zeros((1, 2), np.float16)], same_size=True) == (
        "output 0 has type float16, the model's has float32"
    )
    assert "has shape (1, 3)" in invalid_output(want, [np.zeros((1, 3), np.float32)], same_size=True)
    assert invalid_output([[want[0]]], [[want[0], want[0]]], same_size=True) == (
        "output 0 has 2 parts, the model's has 1"
    )
    maps = [[{"cat": 0.25, "dog": 0.75}]]
    assert not invalid_output(maps, [[{"dog": 0.7, "cat": 0.3}]], same_size=True)
    assert OutputAgreement([(maps, [[{"cat": 0.25, "dog": 0.75}]])]).relative_error == 0


def test_only_what_was_finite_has_to_be() -> None:
    want = np.array([[1.0, np.inf]], np.float32)
    assert not invalid_output([want], [np.array([[1.0, np.nan]], np.float32)], same_size=True)
    assert "not finite" in invalid_output([want], [np.array([[np.nan, np.inf]], np.float32)], same_size=True)


def test_what_cannot_be_compared_is_not_shipped() -> None:
    found = OutputAgreement([([np.zeros((1, 4))], [np.zeros((1, 3))])])
    assert found.not_compared == [0] and found.relative_error is None


def test_a_sequence_that_changes_its_type_is_refused() -> None:
    def sequence(kind: int) -> Model:
        nodes = [
            helper.make_node("Cast", ["x"], ["c"], to=kind),
            helper.make_node("SequenceConstruct", ["c"], ["y"]),
        ]
        graph = helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3])],
            [helper.make_tensor_sequence_value_info("y", kind, [1, 3])],
        )
        proto: onnx.ModelProto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        return Model.from_proto(proto, "m")

    model = sequence(TensorProto.FLOAT)
    samples = ArraySamples([{"x": np.ones((1, 3), np.float32) * n} for n in range(4)])
    found = verify(changed(model, sequence(TensorProto.FLOAT16), "float16"), model, samples)
    assert found.reason == "output 0 has type float16, the model's has float32"


def test_agreement_is_that_of_the_whole_answer_of_all_heads() -> None:
    wanted = [np.array([[0.9, 0.1]]), np.array([[0.2, 0.8]])]
    other = [wanted[0], np.array([[0.7, 0.3]])]
    pairs = [(wanted, wanted), (wanted, other), (wanted, wanted), (wanted, other)]
    assert OutputAgreement(pairs, Multioutput((True, True))).agreement == 0.5
    assert OutputAgreement(pairs).agreement == 1.0


def test_boxes_that_come_first_have_no_top_class() -> None:
    boxes = {"boxes": ([4], ""), "scores": ([2], "Softmax")}
    found = verify(answering_models.model(boxes), answering_models.model(boxes))
    assert (found.ok, found.agreement) == (True, None)


def test_the_heads_of_a_model_are_recognised_when_it_is_verified() -> None:
    digits = {"a": ([4], "Softmax"), "b": ([4], "Softmax")}
    model = answering_models.model(digits)
    feeds = ArraySamples(answering_models.inputs(32))
    assert verify(model, model, feeds).agreement == 1.0
    second = changed(model, answering_models.model(digits, noisy="b"), "int4-weight")
    agreement = verify(second, model, feeds).agreement
    assert agreement is not None and 0.3 < agreement < 1.0


def test_a_small_output_beside_a_large_one_counts() -> None:
    rng = np.random.default_rng(0)
    large, small = rng.standard_normal((1, 8)) * 500, rng.standard_normal((1, 4))
    found = OutputAgreement([([large, small], [large, small + 0.3 * np.abs(small)])])
    assert found.relative_error == pytest.approx(0.3)


def test_one_sample_among_many_counts() -> None:
    rng = np.random.default_rng(0)
    wanted = [rng.standard_normal((1, 4)).astype(np.float32) for _ in range(32)]
    got = [wanted[0] * 0.5, *wanted[1:]]
    found = OutputAgreement([([want], [have]) for want, have in zip(wanted, got, strict=True)])
    assert found.sample_error == pytest.approx(0.5) and found.relative_error is not None and found.relative_error < 0.2
    # an output of nearly nothing has no error of its own
    quiet = OutputAgreement([([want], [want]) for want in wanted] + [([wanted[0] * 1e-4], [wanted[0] * -1e-4])])
    assert quiet.sample_error == 0


def test_a_sample_that_a_rounding_technique_ruins() -> None:
    """Beyond a threshold the variant computes half of what it should; one of the samples gets there."""

    def model(factor: float) -> Model:
        nodes = [
            helper.make_node("Clip", ["x", "", "three"], ["low"]),
            helper.make_node("Sub", ["x", "low"], ["high"]),
            helper.make_node("Mul", ["high", "factor"], ["h"]),
            helper.make_node("Add", ["low", "h"], ["y"]),
        ]
        constants = {"three": np.float32(3), "factor": np.float32(factor)}
        sides = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in "xy"]
        weights = [numpy_helper.from_array(np.asarray(number), name) for name, number in constants.items()]
        graph = helper.make_graph(nodes, "g", sides[:1], sides[1:], weights)
        return Model.from_proto(
            helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), "m"
        )

    rng = np.random.default_rng(0)
    values = [rng.uniform(2.9, 3, (1, 4)).astype(np.float32) for _ in range(31)]
    samples = ArraySamples([{"x": value} for value in [*values, np.full((1, 4), 3.8, np.float32)]])
    assert verify(changed(model(1.0), model(0.0), "int4-weight"), model(1.0), samples).ok  # so much 4 bits may do
    found = verify(changed(model(1.0), model(0.0), "float16"), model(1.0), samples)
    assert found.reason == (
        "its outputs for one of the samples differ by 0.21 from the model's (relative error), float16 explains 0.2"
    )


def test_where_nothing_can_be_compared_only_the_model_itself_is_shipped() -> None:
    def model(number: float) -> Model:
        graph = helper.make_graph(
            [helper.make_node("Mul", ["x", "number"], ["y"])],
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
            [numpy_helper.from_array(np.float32(number), "number")],
        )
        return Model.from_proto(
            helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), "m"
        )

    full = ArraySamples([{"x": np.ones((1, 3), np.float32)} for _ in range(4)])
    empty = ArraySamples([{"x": np.ones((0, 3), np.float32)} for _ in range(4)])
    for number, samples, words in (
        (np.nan, full, "not verified: no output of its model holds a finite number for any sample"),
        (2.0, empty, "not verified: every output of its model is empty for any sample"),
    ):
        original = model(number)
        assert verify(original, original, samples).ok
        assert verify(changed(original, original, "float16"), original, samples).reason == words


def positions_last(factors: list[float], length: int | None) -> Model:
    """The same with channels on the last axis: (n, length, channels)."""
    proto = scaled(factors).copy_proto()
    proto.graph.node[0].output[0] = "h"
    proto.graph.node.append(helper.make_node("Transpose", ["h"], ["y"], perm=[0, 2, 1]))
    shape = ["n", "length" if length is None else length, len(factors)]
    proto.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", TensorProto.FLOAT, shape))
    return Model.from_proto(proto, "m")


@pytest.mark.parametrize("length", [2, 40])
def test_the_channels_may_be_the_last_axis(length: int) -> None:
    """A position that is small, and wrong, is no ruined channel; a channel that is small, and wrong, is one."""
    generator = np.random.default_rng(0)
    values = [generator.standard_normal((1, 1, length)).astype(np.float32) for _ in range(8)]
    samples = ArraySamples([{"x": value} for value in values])
    model = positions_last([1.0, 2.0, 1e-3], length)
    found = verify(changed(model, positions_last([1.0, 2.0, -1e-3], length), "int8-static"), model, samples)
    assert found.reason == "channel 2 of its output 0 is ruined: its error is 2.0 times its size"
    names = OutputAgreement([([np.zeros((1, 9, 2))], [np.zeros((1, 9, 2))])], channel_axes=[2])
    assert names.channel_error == (0, 0, 0.0)


def test_a_position_is_no_channel() -> None:
    want = np.ones((1, 40, 3))
    want[:, 7] = 1e-3
    have = want.copy()
    have[:, 7] = -1e-3
    for axes in ([2], [None], []):
        found = OutputAgreement([([want], [have])], channel_axes=axes)
        assert found.channel_error is not None and found.channel_error[2] < 0.01
    seen = OutputAgreement([([want], [have])], channel_axes=[1]).channel_error
    assert seen == (0, 7, pytest.approx(2.0))


def test_probabilities_of_more_classes_than_places_have_no_channels() -> None:
    want = np.full((1, 4, 90), 1e-4)
    want[:, :, 0] = 1.0
    have = want.copy()
    have[:, :, 5] = 1e-2
    pairs = [([want], [have])]
    assert OutputAgreement(pairs, channel_axes=[2], exclusive=[0]).channel_error is None
    assert OutputAgreement(pairs, channel_axes=[2]).channel_error == (0, 5, pytest.approx(99.0))


def test_an_output_that_is_an_input_counts_for_nothing() -> None:
    def with_mask(factor: float) -> Model:
        proto = scaled([1.0, 1.0]).copy_proto()
        proto.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.full((2, 1, 1), factor, np.float32), "w"))
        proto.graph.input.append(helper.make_tensor_value_info("mask", TensorProto.BOOL, ["n"]))
        proto.graph.node.append(helper.make_node("Identity", ["mask"], ["mask_out"]))
        proto.graph.output.append(helper.make_tensor_value_info("mask_out", TensorProto.BOOL, ["n"]))
        return Model.from_proto(proto, "m")

    generator = np.random.default_rng(0)
    feeds = [
        {"x": generator.standard_normal((1, 1, 9)).astype(np.float32), "mask": np.ones(1, np.bool_)} for _ in range(6)
    ]
    model = with_mask(1.0)
    found = verify(changed(model, with_mask(1.1), "prune:0.5"), model, ArraySamples(feeds))
    assert found.ok and found.agreement is None and found.relative_error == pytest.approx(0.1, rel=1e-3)
    other = verify(changed(model, with_mask(-1.0), "prune:0.5"), model, ArraySamples(feeds))
    assert "it has become another function" in other.reason


@pytest.mark.parametrize("technique", ["int8-static", "int8-dynamic", "int6-weight", "int4-weight", "cluster:4"])
def test_an_error_that_few_bits_cannot_explain(technique: str) -> None:
    model = scaled([1.0, 1.0])
    assert verify(changed(model, scaled([1.2, 1.2]), technique), model, signals()).ok
    found = verify(changed(model, scaled([1.55, 1.55]), technique), model, signals())
    assert f"its outputs differ by 0.55 from the model's (relative error), {technique} explains" in found.reason
    assert not found.mendable  # all layers have that error: no search for the one that is to blame


def test_scores_of_classes_may_differ_more() -> None:
    generator = np.random.default_rng(0)
    scores = [generator.standard_normal((1, 4)) for _ in range(10)]
    found = OutputAgreement([([one], [1.6 * one]) for one in scores])
    assert not unexplained("int8-static", found, classes=True)
    assert "differ by 0.6" in unexplained("int8-static", found, classes=False)
    assert "differ by 0.6" in unexplained("float16", found, classes=True)
    farther = OutputAgreement([([one], [1.8 * one]) for one in scores])
    assert "int8-static explains 0.75" in unexplained("int8-static", farther, classes=True)
