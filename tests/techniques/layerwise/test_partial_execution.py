from collections.abc import Callable

import numpy as np
import pytest

from compsel import Model
from compsel.inputs.feeds import feeds_of
from compsel.inputs.samples import Samples
from compsel.models.graph_session import open_session
from compsel.networks import build
from compsel.techniques.channels.pruner import ChannelPruner
from compsel.techniques.factorization.factoriser import Factoriser
from compsel.techniques.layerwise.budget import LayerwiseModel, worthwhile_layers
from compsel.techniques.layerwise.partial_execution import PartialExecutor
from tests.techniques.inputs import SeededTensors
from tests.techniques.structured import structured

KINDS = (ChannelPruner, Factoriser)


def network() -> Model:
    return build("mobilenet-v1", width=0.25, resolution=96)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("make", [structured, network])
def test_altered_weights_answer_as_the_model_that_is_made(
    make: Callable[[], Model], kind: Callable[[Model, Samples], LayerwiseModel]
) -> None:
    model = make()
    samples = SeededTensors(model, 8)
    layerwise = kind(model, samples)
    feeds = [feeds_of(model, samples.value(index)) for index in range(2)]
    executor = PartialExecutor(layerwise.editable, feeds)
    (*_, plain) = (session.run(None, feeds[1])[0] for session in [open_session(model.proto)])
    np.testing.assert_allclose(executor.outputs({})[1], plain, rtol=1e-3, atol=1e-4)
    for layer in layerwise.layers[:: max(1, len(layerwise.layers) // 6)]:
        level = max(1, layerwise.levels(layer) // 2)
        made = open_session(layerwise.make({layer: level}).proto)
        for feed, found in zip(feeds, executor.outputs(layerwise.equivalent_weights(layer, level)), strict=True):
            np.testing.assert_allclose(found, made.run(None, feed)[0], rtol=1e-2, atol=1e-3)
            assert not np.allclose(found, plain, rtol=1e-5, atol=1e-6) or feed is feeds[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("make", [structured, network])
def test_a_plan_says_which_bytes_are_made(
    make: Callable[[], Model], kind: Callable[[Model, Samples], LayerwiseModel]
) -> None:
    model = make()
    samples = SeededTensors(model, 4)
    together, alone = kind(model, samples), kind(model, samples)
    together.measure(together.layers)
    reads = samples.reads
    plan = dict.fromkeys(together.layers[-3:], 1)
    first = together.make(plan).serialize()
    assert samples.reads == reads, "what was measured is not measured again"
    assert alone.make(dict(reversed(plan.items()))).serialize() == first


def test_small_layers_are_left_alone_where_they_do_not_help() -> None:
    model = build("mobilenet-v1", width=0.25, resolution=128, classes=50)
    factoriser = Factoriser(model, SeededTensors(model, 4))
    worth = worthwhile_layers(factoriser)
    saved = {layer: factoriser.largest_saving(layer) for layer in factoriser.layers}
    left_out = set(saved) - set(worth)
    assert left_out and worth == [layer for layer in factoriser.layers if layer in worth]
    assert sum(saved[layer] for layer in left_out) <= 0.02 * sum(saved.values())
    assert max(saved[layer] for layer in left_out) <= min(saved[layer] for layer in worth)
