"""Statistics of a changed layer come back for each output channel, in whatever form its weight is stored."""

import numpy as np
import pytest
from onnx import helper, numpy_helper

from compsel import Model
from compsel.inputs.samples import ArraySamples
from compsel.models.graph_session import open_session
from compsel.techniques import parse
from tests.techniques.foreign import FLOAT, make, value
from tests.techniques.layer_forms import uneven


def network(kind: str, groups: int, seed: int) -> Model:
    """One convolution, transposed or not, with a bias, and output channels of very different size."""
    rng = np.random.default_rng(seed)
    if kind == "Conv":
        w = uneven(rng, (6, 8 // groups, 3), [0])
    else:
        w = uneven(rng, (groups, 8 // groups, 6 // groups, 3), [0, 2]).reshape(8, 6 // groups, 3)
    nodes = [helper.make_node(kind, ["x", "w", "b"], ["y"], group=groups)]
    weights = [numpy_helper.from_array(w, "w"), numpy_helper.from_array(np.zeros(6, np.float32), "b")]
    return make(nodes, [value("x", FLOAT, ["N", 8, 12])], [value("y", FLOAT, ["N", 6, None])], weights)


@pytest.mark.parametrize("spec", ["prune:0.7", "prune:0.7,storage=dense", "cluster:1", "int4-weight"])
@pytest.mark.parametrize(("kind", "groups"), [("Conv", 1), ("Conv", 2), ("ConvTranspose", 1), ("ConvTranspose", 2)])
def test_spread_and_mean_of_each_channel_come_back(kind: str, groups: int, spec: str) -> None:
    model = network(kind, groups, groups)
    feeds = [{"x": np.random.default_rng(n).standard_normal((1, 8, 12)).astype(np.float32)} for n in range(16)]
    variant = parse(spec).apply(model, ArraySamples(feeds))
    wanted, got = (
        np.concatenate([open_session(m.proto).run(None, feed)[0] for feed in feeds]) for m in (model, variant)
    )
    spread = wanted.std(axis=(0, 2))
    np.testing.assert_allclose(got.std(axis=(0, 2)) / spread, 1, atol=0.02)
    np.testing.assert_allclose(got.mean(axis=(0, 2)) / spread, wanted.mean(axis=(0, 2)) / spread, atol=0.02)
