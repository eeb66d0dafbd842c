"""Every output channel of every layer keeps its own precision, whatever form the layer has and whatever its size is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from compsel.errors import NotApplicableError
from compsel.inputs.samples import ArraySamples
from compsel.models.editing import edit_graph
from compsel.models.graph_session import open_session
from compsel.techniques import parse
from tests.techniques.layer_forms import FORMS, Form, recurrent

# root mean square error of a channel over its root mean square: normally distributed weights reach to three times their
# deviation, so a step of b bits is 3 / 2 ** (b - 1) of it, and the error a step over the square root of 12
MOST = {
    "int16-weight": 1e-4,
    "int8-weight": 0.015,
    "int6-weight": 0.06,
    "int4-weight": 0.25,
    "int4-weight:activations=float32": 0.25,
    # a layer of few weights has a short table
    "cluster:6": 0.25,
    "int8-static": 0.05,
    "int8-dynamic": 0.05,
}


def channel_errors(form: Form, spec: str, seed: int) -> np.ndarray:
    """The relative error of each output channel; on the samples themselves, for few of them bound no range."""
    model, rng = form.model(), np.random.default_rng(seed)
    feeds = [form.feed(rng) for _ in range(4)]
    samples = ArraySamples(feeds) if spec.startswith("int8-static") else None
    variant = parse(spec).apply(model, samples)
    before, after = open_session(model.proto), open_session(variant.proto)
    wanted = np.stack([before.run(["y"], feed)[0] for feed in feeds])
    got = np.stack([after.run(["y"], feed)[0] for feed in feeds])
    axes = tuple(axis for axis in range(wanted.ndim) if axis - 1 not in form.axes)

    def size(values: np.ndarray) -> np.ndarray:
        return np.asarray(np.sqrt(np.square(values.astype(np.float64)).mean(axis=axes)))

    return size(got - wanted) / np.maximum(size(wanted), 1e-30)


def applies(spec: str, name: str, form: Form) -> bool:
    """Whether a technique must take a form; the others leave it as it is, or may."""
    if spec == "int8-static":
        left = name == "table" and form.axes == (1,)
        grouped = name == "conv_transpose" and helper.get_node_attr_value(form.nodes[0], "group") > 1
        return not (left or grouped) and name not in (
            "gemm_left",
            "stacked_matmul",
            "matmul_left",
            "einsum",
            "tied",
        )
    if spec == "int8-dynamic":
        return name in ("conv", "matmul", "moved", "shared")
    return name != "quantised"


@pytest.mark.parametrize("spec", MOST)
@pytest.mark.parametrize("name", FORMS)
@given(seed=st.integers(0, 2**20))
@settings(max_examples=6, deadline=None)
def test_every_channel_keeps_its_precision(name: str, spec: str, seed: int) -> None:
    form = FORMS[name](np.random.default_rng(seed))
    try:
        errors = channel_errors(form, spec, seed)
    except NotApplicableError:
        assert not applies(spec, name, form)
        return
    few = "cluster" in spec and any(0 < v.size // v.shape[0] < 8 for v in form.weights.values())
    assert errors.max() < (0.7 if few else MOST[spec]), (errors, form)


@pytest.mark.parametrize("spec", [spec for spec in MOST if "weight" in spec or "cluster" in spec])
@given(seed=st.integers(0, 2**20))
@settings(max_examples=6, deadline=None)
def test_gates_and_directions_keep_their_precision(spec: str, seed: int) -> None:
    """Of the weights: what comes out of a gate says little about them."""
    form = recurrent(np.random.default_rng(seed))
    variant = parse(spec).apply(form.model())
    assert not {"w", "r"} & {tensor.name for tensor in variant.proto.graph.initializer}
    unpacked = {tensor.name: numpy_helper.to_array(tensor) for tensor in edit_graph(variant).graph.initializer}
    for name, wanted in form.weights.items():
        error, size = (np.sqrt(np.square(v).mean(axis=2)) for v in (unpacked[name] - wanted, wanted))
        assert (error <= (0.7 if "cluster" in spec and wanted.shape[2] < 8 else MOST[spec]) * size).all(), (name, form)


@pytest.mark.parametrize("spec", ["int16-weight", "int8-weight", "int4-weight", "cluster:6"])
@pytest.mark.parametrize("name", [name for name in FORMS if name != "quantised"])
def test_no_form_keeps_its_weight_in_float32(spec: str, name: str) -> None:
    form = FORMS[name](np.random.default_rng(0))
    kept = {t.name: t.data_type for t in parse(spec).apply(form.model()).proto.graph.initializer}
    assert kept.get("w") != TensorProto.FLOAT and kept.get("v") != TensorProto.FLOAT


@pytest.mark.parametrize("spec", ["int4-weight", "int6-weight", "cluster:4"])
def test_rows_of_tables_keep_8_bits(spec: str) -> None:
    """An answer reads one row: no error is averaged out."""
    form = FORMS["table"](np.random.default_rng(0))
    assert channel_errors(form, spec, 0).max() < MOST["int8-weight"]
