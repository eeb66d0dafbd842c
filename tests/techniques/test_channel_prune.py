import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from compsel import Model
from compsel.errors import NotApplicableError, TechniqueError
from compsel.inputs.feeds import feeds_of
from compsel.models.editing import edit_graph
from compsel.models.graph_session import open_session
from compsel.models.shapes import sample_shapes
from compsel.networks import build, macs
from compsel.techniques import parse
from compsel.techniques.channels.coupling import ChannelGroup
from compsel.techniques.channels.elimination import ChannelReader, compensation, eliminate
from compsel.techniques.channels.propagation import trace
from compsel.techniques.channels.pruner import ChannelPruner
from compsel.techniques.channels.reader_statistics import ChannelReaders
from compsel.techniques.channels.removal import remove_channels
from compsel.techniques.layerwise.budget import probe_level
from compsel.techniques.layerwise.output_divergence import DivergenceMeter
from compsel.techniques.layerwise.technique import layers_text, read_layers
from compsel.techniques.preparation.batch_norm_folding import fold
from compsel.techniques.statistics.second_moments import SecondMoments
from tests.techniques.foreign import make, value, weight, without_layers
from tests.techniques.inputs import Photographs, SeededTensors
from tests.techniques.structured import structured

NETWORKS = ("mobilenet-v1", "efficientnet-lite0", "inception-v1", "resnet50")


def outputs(model: Model, count: int = 4) -> np.ndarray:
    session, samples = open_session(model.proto), SeededTensors(model)
    return np.concatenate([session.run(None, feeds_of(model, samples.value(index)))[0] for index in range(count)])


@given(st.lists(st.integers(0, 15), max_size=6, unique=True), st.lists(st.integers(0, 11), max_size=4, unique=True))
@settings(max_examples=10, deadline=None)
def test_channels_that_are_zero_go_without_a_trace(stem: list[int], branch: list[int]) -> None:
    model = structured({"stem": stem, "branch": branch})
    pruner = ChannelPruner(model, SeededTensors(model))
    pruned = pruner.remove({"stem": len(stem), "branch": len(branch)})
    np.testing.assert_allclose(outputs(pruned), outputs(model), atol=1e-4)
    assert macs(pruned) == pruner.coupling.macs(pruner.removed({"stem": len(stem), "branch": len(branch)}))


@given(st.lists(st.integers(0, 15), max_size=12, unique=True))
@settings(max_examples=10, deadline=None)
def test_a_group_is_probed_where_it_loses_something(dead: list[int]) -> None:
    model = structured({"stem": dead})
    pruner = ChannelPruner(model, SeededTensors(model))
    losses = pruner.order("stem").losses
    assert np.isfinite(losses).all()
    assert (np.diff(losses) >= 0).all()
    assert 0 < losses[-1] < 100
    level = probe_level(pruner, "stem", 1 / 7)
    assert pruner.loss("stem", level) > 1e-3 * losses[-1]


def test_what_is_tied_goes_together() -> None:
    model = structured()
    pruner = ChannelPruner(model, SeededTensors(model))
    producers = {group.name: group.producers for group in pruner.groups.values()}
    assert producers["left"] == ("left", "right", "gate")
    # both halves of the grouped convolution and of what it reads lose the same channels
    assert len(pruner.groups["left"].channels) == len(pruner.groups["grouped"].channels) == 8
    assert "last" not in producers


@pytest.mark.parametrize("group", ["stem", "left", "squeeze", "grouped", "branch", "hidden"])
def test_every_kind_of_group_can_be_cut(group: str) -> None:
    model = structured()
    pruner = ChannelPruner(model, SeededTensors(model))
    plan = {group: 3}
    pruned = pruner.remove(plan)
    assert macs(pruned) == pruner.coupling.macs(pruner.removed(plan)) < macs(model)
    assert outputs(pruned).shape == outputs(model).shape


@pytest.mark.parametrize("name", NETWORKS)
def test_surgery_on_networks(name: str) -> None:
    model = build(name, resolution=64, classes=10)
    feeds = {"input": np.random.default_rng(0).standard_normal((1, 3, 64, 64), np.float32)}
    editable = fold(edit_graph(model))
    shapes = sample_shapes(editable, feeds)
    coupling = trace(editable, shapes)
    assert len(coupling.groups) > 10
    removed = [int(channel) for group in coupling.groups for channel in group.channels[: len(group.channels) // 2]]
    remove_channels(editable, coupling, removed, {name: len(shape) for name, shape in shapes.items()}, {})
    (logits,) = open_session(editable).run(None, feeds)
    assert logits.shape == (1, 10)
    assert trace(editable, sample_shapes(editable, feeds)).macs() == coupling.macs(removed) < 0.3 * coupling.macs()


def test_reconstruction_lowers_the_error() -> None:
    model, samples = build("mobilenet-v1", width=0.25, resolution=64), Photographs()
    fitted, judged = samples.subset(range(0, 32, 2)), samples.subset(range(1, 32, 2))
    meter = DivergenceMeter(model, judged)
    spec = "channel-prune:layers=blocks.4.1.conv_pw=0.5,reconstruct="
    error = [meter.measure(parse(f"{spec}{word}").apply(model, fitted)).divergence for word in ("true", "false")]
    assert error[0] < 0.6 * error[1]


@pytest.mark.parametrize("fraction", [0.1, 0.4])
def test_the_budget_is_met(fraction: float) -> None:
    model = structured()
    pruned = parse(f"channel-prune:{fraction},multiple=1").apply(model, SeededTensors(model))
    assert 0.8 * (1 - fraction) < macs(pruned) / macs(model) <= 1 - fraction


def test_a_budget_that_cannot_be_met_is_refused() -> None:
    model = structured()
    with pytest.raises(NotApplicableError, match="can lose at most"):
        parse("channel-prune:0.999").apply(model, SeededTensors(model))


def test_layers_by_name() -> None:
    model = structured()
    pruned = parse("channel-prune:layers=stem=0.25;branch=0.5,multiple=2").apply(model, SeededTensors(model))
    shapes = {node.name: node.input[1] for node in pruned.proto.graph.node if node.op_type == "Conv"}
    sizes = {tensor.name: tensor.dims[0] for tensor in pruned.proto.graph.initializer}
    assert {name: sizes[shapes[name]] for name in ("stem", "left", "branch")} == {"stem": 12, "left": 16, "branch": 6}
    with pytest.raises(NotApplicableError, match="got layers nowhere, allowed are stem, "):
        parse("channel-prune:layers=nowhere=0.5").apply(model, SeededTensors(model))


@given(st.dictionaries(st.text(min_size=1, max_size=8), st.sampled_from([0.125, 0.25, 0.5]), max_size=3))
def test_layers_text_round_trip(shares: dict[str, float]) -> None:
    text = layers_text(shares)
    assert read_layers("channel-prune", text) == shares
    assert not set(text) & set(",+:")


@pytest.mark.parametrize(
    "spec", ["channel-prune:1", "channel-prune:-0.1", "channel-prune:samples=0", "channel-prune:multiple=0"]
)
def test_bad_options(spec: str) -> None:
    with pytest.raises(TechniqueError, match="allowed is"):
        parse(spec)
    with pytest.raises(TechniqueError, match="got 'a', allowed is name=share"):
        parse("channel-prune:layers=a")


@pytest.mark.parametrize("outputs", [3, 40])
def test_readers_of_many_outputs_count_in_full(outputs: int) -> None:
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((outputs, 12)).astype(np.float32)
    moments = SecondMoments(channels=6, taps=2)
    moments.add(rng.standard_normal((200, 12)).astype(np.float32))
    readers = ChannelReaders.measured(("layer",), np.arange(6), lambda _: weight, moments, centred=True)
    (part,) = readers.parts(ChannelGroup("maker", ("maker",), np.arange(6)), lambda _: weight)
    assert len(part.weight) == min(outputs, 12)
    np.testing.assert_allclose(part.weight.T @ part.weight * readers.energies[0], weight.T @ weight, atol=1e-3)


def test_unknown_operators_keep_their_channels() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "first", ""][:2], ["a"], "a"),
        helper.make_node("Softmax", ["a"], ["b"], "b", axis=1),
        helper.make_node("Conv", ["b", "second"], ["y"], "y"),
    ]
    shape = ["N", 4, 3, 3]
    inputs, results = [value("x", TensorProto.FLOAT, shape)], [value("y", TensorProto.FLOAT, shape)]
    model = make(nodes, inputs, results, [weight("first", 8, 4, 1, 1), weight("second", 4, 8, 1, 1)])
    with pytest.raises(NotApplicableError, match="no channels that can be removed"):
        parse("channel-prune").apply(model, SeededTensors(model))
    with pytest.raises(NotApplicableError, match="'foreign' has no channels"):
        parse("channel-prune").apply(without_layers(), SeededTensors(without_layers()))


@given(st.integers(0, 1000), st.integers(1, 3))
@settings(max_examples=20, deadline=None)
def test_losses_are_those_of_least_squares(seed: int, taps: int) -> None:
    rng = np.random.default_rng(seed)
    count, width = 6, 6 * taps
    rows = rng.standard_normal((50, width)) @ rng.standard_normal((width, width))
    covariance, weights = rows.T @ rows / 50 + 1e-3 * np.eye(width), rng.standard_normal((4, width))
    columns = np.arange(width).reshape(count, taps)
    energy = float(np.sum((weights @ covariance) * weights))
    order = eliminate([ChannelReader(weights, np.linalg.inv(covariance), columns, energy)], count, 5)
    assert sorted(order.channels) == list(range(count))
    assert (np.diff(order.losses) >= -1e-9).all()
    for gone in range(1, 6):
        kept = np.ones(width, bool)
        kept[columns[order.channels[:gone]].ravel()] = False
        error = weights.copy()
        error[:, kept] -= weights[:, kept] - weights[:, ~kept] @ compensation(np.linalg.inv(covariance), kept)
        assert order.losses[gone] == pytest.approx(float(np.sum((error @ covariance) * error)) / energy, rel=1e-6)
