"""The preprocessing of models of others is found by labelled pictures; what is wrong with labels is said."""

import re
from dataclasses import replace

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from compsel.building.preprocessing_search.resolve import with_preprocessing
from compsel.building.preprocessing_search.search import FoundPreprocessing, search_preprocessing
from compsel.errors import ProfileError, UsageError
from compsel.inputs.image import IMAGE
from compsel.inputs.images.conventions import GEOMETRIES, NORMALISATIONS, preprocessing_of, swapped
from compsel.inputs.images.image_input import ImageInput, image_input
from compsel.inputs.images.preprocessing import ImagePreprocessing
from compsel.inputs.samples import ArraySamples, Samples
from compsel.models.graph_session import open_session
from compsel.models.model import Model
from tests.foreign_classifiers import SIDE, coloured, colours, nearest_colour
from tests.reporters import Heard

MEANS = colours(20)


def truth(name: str, *, swap: bool = False, layout: str = "NCHW", channels: int = 3) -> ImagePreprocessing:
    """The preprocessing that a model was made for."""
    numbers = swapped(NORMALISATIONS[name]) if swap else NORMALISATIONS[name]
    taken = ImageInput(layout, SIDE, SIDE, channels, "float32")
    return preprocessing_of(numbers, GEOMETRIES["whole"], taken, (SIDE, SIDE))


def search(model: Model, samples: Samples) -> FoundPreprocessing:
    taken = image_input(model.inputs)
    assert taken is not None
    return search_preprocessing(model, samples, taken)


def classes(model: Model, preprocessing: ImagePreprocessing, samples: Samples) -> np.ndarray:
    session, asked = open_session(model.proto), replace(model, preprocessing=preprocessing)
    return np.array([session.run(None, IMAGE.feeds(asked, one.value))[0].argmax() for one in samples])


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(sorted(NORMALISATIONS)), st.booleans(), st.sampled_from(["NCHW", "NHWC"]), st.integers(0, 20))
def test_what_is_found_answers_as_the_truth_does(name: str, swap: bool, layout: str, seed: int) -> None:
    means = colours(20, seed)
    wanted = truth(name, swap=swap, layout=layout)
    model, others = nearest_colour(means, wanted), coloured(means, 80, seed=99)
    found = search(model, coloured(means, 100)).preprocessing
    assert found.layout == layout
    agree = classes(model, found, others) == classes(model, wanted, others)
    assert agree.mean() >= 0.9


@pytest.mark.parametrize("name", ["torchvision", "caffe", "raw", "zero-one"])
def test_the_convention_is_named_with_how_often_it_is_right(name: str) -> None:
    found = search(nearest_colour(MEANS, truth(name)), coloured(MEANS, 60))
    assert found.preprocessing.mean == NORMALISATIONS[name].mean and not found.label_problem
    assert f"preprocessing: {name}" in found.sentence or "ultralytics" in found.sentence
    assert re.search(r"right for [\d.]+ % of \d+ labelled images, next best", found.sentence)


def test_what_is_cut_out_is_found() -> None:
    """Around the colours lies a frame that only a crop leaves out; or there is none, and the commonest wins."""
    wanted = replace(truth("torchvision"), resolution=(SIDE, SIDE))
    means = colours(24)
    model = nearest_colour(means, wanted)
    assert search(model, coloured(means, 96, frame=2, side=32)).preprocessing.crop_fraction == 0.875
    assert search(model, coloured(means, 96)).preprocessing.crop_fraction == 1.0


def test_alike_conventions_are_named_and_the_commonest_is_taken() -> None:
    found = search(nearest_colour(MEANS, truth("efficientnet-lite")), coloured(MEANS, 60))
    assert found.preprocessing.std == (127.5,) * 3
    assert "not told apart from it, and rarer: " in found.sentence and "efficientnet-lite" in found.sentence


@pytest.mark.parametrize("dtype", ["float16", "uint8"])
def test_element_types(dtype: str) -> None:
    name = "raw" if dtype == "uint8" else "tensorflow"
    model = nearest_colour(MEANS, truth(name, layout="NHWC"), dtype)
    found = search(model, coloured(MEANS, 60)).preprocessing
    assert (found.mean, found.std) == (truth(name).mean, truth(name).std)


def test_grey_models() -> None:
    means = np.repeat(np.arange(10, 250, 24)[:, None], 3, axis=1)
    found = search(nearest_colour(means, truth("zero-one", channels=1)), coloured(means, 60)).preprocessing
    assert (found.channels, found.std) == ("GRAY", (255.0,) * 3)


def relabelled(samples: ArraySamples, labels: list[int]) -> ArraySamples:
    return ArraySamples([one.value for one in samples], labels)


def test_labels_in_another_order_are_recognised() -> None:
    means = colours(12)
    samples = coloured(means, 120)
    alphabetical = sorted(range(12), key=str)
    orders = {
        "has one class more, before the others": [label - 1 for label in samples.labels],
        "the labels count from 1": [label + 1 for label in samples.labels],
        "the labels count the classes in alphabetical order": [alphabetical.index(label) for label in samples.labels],
        "the model's classes are in alphabetical order": [alphabetical[label] for label in samples.labels],
        "the labels count the classes in another order": [(5 * label + 3) % 12 for label in samples.labels],
    }
    model = nearest_colour(means, truth("caffe"))
    for problem, labels in orders.items():
        ours = samples if min(labels) >= 0 else samples.subset([i for i, label in enumerate(labels) if label >= 0])
        kept = [label for label in labels if label >= 0]
        found = search(model, relabelled(ours, kept))
        assert problem in found.label_problem, (problem, found.label_problem)
        assert found.preprocessing.mean == NORMALISATIONS["caffe"].mean


def test_a_background_class_is_recognised() -> None:
    found = search(nearest_colour(MEANS, truth("raw"), first=1), coloured(MEANS, 60))
    assert "background class" in found.label_problem and "add 1 to every label" in found.label_problem


def test_right_labels_are_no_other_order() -> None:
    """One label a class: nothing can be told of an order, and nothing is."""
    means = colours(24, seed=3)
    assert search(nearest_colour(means, truth("caffe")), coloured(means, 24)).label_problem == ""


def test_nothing_better_than_guessing_says_what_to_do() -> None:
    samples = coloured(MEANS, 60)
    shuffled = np.random.default_rng(5).permutation(np.array(samples.labels)).tolist()
    with pytest.raises(ProfileError, match=r"under none of 2. conventions it is right more often") as e:
        search(nearest_colour(MEANS, truth("raw")), relabelled(samples, shuffled))
    assert "--classes FILE" in str(e.value) and "--preprocess NAME" in str(e.value)


def test_what_is_known_is_not_searched_and_what_is_found_is_said() -> None:
    model, samples, lines = nearest_colour(MEANS, truth("raw")), coloured(MEANS, 60), Heard()
    (found,) = with_preprocessing([model], samples, lines)
    assert found.searched and found.preprocessing is not None
    assert any("labelled images, next best" in line for line in lines.messages)
    known = replace(model, preprocessing=truth("caffe"), notes=("preprocessing from here",))
    lines = Heard()
    assert with_preprocessing([known], samples, lines) == [known]
    assert lines.messages == ["colours: preprocessing from here"]


OTHER_ANSWERS = {
    "one number .shape .1, 1.., as a sigmoid": [("ReduceMax", None, {"axes": [1], "keepdims": 1})],
    r"an output of shape .1, 4, 5.": [("Reshape", [1, 4, 5], {})],
    "int64 of shape .1, 1.": [("ArgMax", None, {"axis": 1, "keepdims": 1})],
    "a vector of length 1 .shape .1, 20.., as embeddings": [("LpNormalization", None, {"axis": 1, "p": 2})],
}


@pytest.mark.parametrize(("said", "ends"), OTHER_ANSWERS.items())
def test_a_model_without_class_scores_is_told_so_and_its_labels_are_not_blamed(said: str, ends: list) -> None:
    model = ending_in(nearest_colour(MEANS, truth("raw")), *ends[0])
    with pytest.raises(
        UsageError, match=rf"it gives {said}.* and not a score for each class: give --preprocess NAME"
    ) as e:
        search(model, coloured(MEANS, 40))
    assert "check that the labels" not in str(e.value)


def ending_in(model: Model, operator: str, values: list[int] | None, attributes: dict) -> Model:
    """The model with one operator more behind its scores."""
    proto = model.copy_proto()
    (scores,) = proto.graph.output
    inputs = [scores.name]
    if values is not None:
        proto.graph.initializer.append(onnx.numpy_helper.from_array(np.array(values, np.int64), "values"))
        inputs.append("values")
    proto.graph.node.append(onnx.helper.make_node(operator, inputs, ["answer"], **attributes))
    kind = onnx.TensorProto.INT64 if operator == "ArgMax" else onnx.TensorProto.FLOAT
    del proto.graph.output[:]
    proto.graph.output.append(onnx.helper.make_tensor_value_info("answer", kind, None))
    return model.with_proto(proto)


def test_the_next_best_is_compared_on_the_samples_that_it_saw() -> None:
    """It drops out early: its share of few samples says nothing beside that of all."""
    means = colours(24)
    sentence = search(nearest_colour(means, truth("caffe")), coloured(means, 192, seed=5)).sentence
    told = re.search(
        r"right for [\d.]+ % of (\d+) labelled images, next best ([\d.]+) % \(.*; on (\d+) of them, where this is "
        r"right for ([\d.]+) %\)",
        sentence,
    )
    assert told is not None, sentence
    assert int(told[3]) < int(told[1])
    assert float(told[2]) < float(told[4])


def test_without_labels_it_is_asked_for() -> None:
    unlabelled = ArraySamples([one.value for one in coloured(MEANS, 4)])
    with pytest.raises(UsageError, match=r"give --preprocess NAME .torchvision, timm, .* with labels it is found out"):
        with_preprocessing([nearest_colour(MEANS, truth("raw"))], unlabelled)


def test_tensors_for_such_a_model_are_left_alone() -> None:
    model = nearest_colour(MEANS, truth("raw"))
    tensors = ArraySamples([{"picture": np.zeros((1, 3, SIDE, SIDE), np.float32)}], [0])
    assert with_preprocessing([model], tensors) == [model]


def test_rows_that_are_prepared_already_are_no_pictures() -> None:
    model = nearest_colour(MEANS, truth("raw"))
    rows = ArraySamples(np.zeros((2, 3, SIDE, SIDE), np.float32), [0, 1])
    assert with_preprocessing([model], rows) == [model]


def any_size(side: int, *, runs_elsewhere: bool) -> Model:
    """A model that takes pictures of any size, and is made for one: elsewhere it sees no blue, or does not run."""
    proto = nearest_colour(MEANS, truth("torchvision")).copy_proto()
    for axis, name in ((2, "h"), (3, "w")):
        proto.graph.input[0].type.tensor_type.shape.dim[axis].ClearField("dim_value")
        proto.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = name
    if not runs_elsewhere:
        before = [helper.make_node("Reshape", ["numbers", "whole"], ["same"])]
        proto.graph.initializer.append(numpy_helper.from_array(np.array([-1, 3, side, side]), "whole"))
        proto.graph.node[1].input[0] = "same"
        place = 1
    else:
        before = [
            helper.make_node("Shape", ["picture"], ["shape"]),
            helper.make_node("Gather", ["shape", "height"], ["side"]),
            helper.make_node("Equal", ["side", "made_for"], ["as_made"]),
            helper.make_node("Where", ["as_made", "all", "some"], ["seen"]),
            helper.make_node("Mul", ["difference", "seen"], ["seen_difference"]),
        ]
        for tensor, name in (
            (np.array([2]), "height"),
            (np.array([side]), "made_for"),
            (np.ones((1, 3), np.float32), "all"),
            (np.array([[1, 1, 0]], np.float32), "some"),
        ):
            proto.graph.initializer.append(numpy_helper.from_array(tensor, name))
        proto.graph.node[4].input[:] = ["seen_difference"] * 2
        place = 4
    nodes = [*proto.graph.node[:place], *before, *proto.graph.node[place:]]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    return Model.from_proto(proto, "any")


@pytest.mark.parametrize("runs_elsewhere", [True, False])
def test_the_size_of_a_model_that_takes_any_is_found(runs_elsewhere: bool) -> None:
    found = search(any_size(300, runs_elsewhere=runs_elsewhere), coloured(MEANS, 60))
    assert found.preprocessing.resolution == (300, 300)
    assert found.preprocessing.mean == NORMALISATIONS["torchvision"].mean
    assert ("it takes pictures of any size: 40, 224, 256" in found.sentence) == runs_elsewhere


def test_of_sizes_alike_that_of_the_pictures_then_the_commonest_is_taken() -> None:
    model = any_size(40, runs_elsewhere=True)
    assert search(model, coloured(MEANS, 60)).preprocessing.resolution == (40, 40)
    proto = nearest_colour(MEANS, truth("torchvision")).copy_proto()
    for axis in (2, 3):
        proto.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = f"side{axis}"
    pictures = coloured(MEANS, 60)
    cut = ArraySamples([one.value[: 40 - n % 3] for n, one in enumerate(pictures)], pictures.labels)
    assert search(Model.from_proto(proto, "any"), cut).preprocessing.resolution == (224, 224)
