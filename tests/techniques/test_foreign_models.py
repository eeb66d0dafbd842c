"""Models as others export them: every technique gives a file that runs or a reason, and the model itself stays."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from compsel import Model
from compsel.errors import InputError
from compsel.inputs.feeds import feeds_of
from compsel.models.synthetic_inputs import synthetic_inputs
from compsel.networks import build
from compsel.techniques import TECHNIQUES, applicable, parse
from compsel.variants.compress import compress
from tests import foreign_models
from tests.foreign_models import ODD
from tests.techniques.inputs import SeededTensors


class MadeUp(SeededTensors):
    """Made-up inputs of lengths that the model runs on, as samples."""

    def value(self, index: int) -> Any:
        return synthetic_inputs(self.model)[index % 4]


def odd(name: str) -> Model:
    return Model.from_proto(ODD[name](), name)


@pytest.mark.parametrize("name", ODD)
def test_every_technique_gives_a_file_or_a_reason(name: str, tmp_path: Path) -> None:
    model = odd(name)
    reports = compress([model], [parse(spec) for spec in TECHNIQUES], MadeUp(model, 4), tmp_path)
    feeds = feeds_of(model, synthetic_inputs(model)[0])
    for report in reports:
        assert (report.path is None) == bool(report.reason), report
        if report.path is not None:
            session = onnxruntime.InferenceSession(report.path, providers=["CPUExecutionProvider"])
            assert len(session.run(None, feeds)) == len(model.outputs)
    assert reports[0].technique == "none" and reports[0].path is not None


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("minus_one", "int8-static"),
        ("texts", "float16"),
        ("looping", "int8-dynamic"),
        ("vendor_operators", "float16"),
        ("vendor_operators", "int8-static"),
        ("signal", "int8-static"),
        ("unrolled", "int8-static"),
    ],
)
def test_what_can_be_compressed_is(name: str, spec: str, tmp_path: Path) -> None:
    model = odd(name)
    (report,) = compress([model], [parse(spec)], MadeUp(model), tmp_path)
    assert report.path is not None, report.reason
    assert report.verification is not None
    assert report.verification.correlation is None or report.verification.correlation > 0.99


@pytest.mark.parametrize(
    ("name", "spec", "reason"),
    [
        ("texts", "int8-dynamic", "none of the layers Conv, MatMul, Gemm"),
        ("half_weights", "float16", "no float32 weights"),
        ("half_weights", "int8-static", "computes in float16"),
        ("half_weights", "int8-dynamic", "computes in float16"),
        ("half_layers", "int8-static", "computes in float16"),
        ("half_layers", "int8-dynamic", "computes in float16"),
        ("minus_one", "resolution:16", "no image preprocessing"),
    ],
)
def test_what_cannot_has_a_reason(name: str, spec: str, reason: str, tmp_path: Path) -> None:
    model = odd(name)
    (report,) = compress([model], [parse(spec)], MadeUp(model), tmp_path)
    assert report.path is None and reason in report.reason


def test_a_quantised_model_stays_as_it_is(tmp_path: Path) -> None:
    model = odd("unrolled")
    quantised = Model.from_proto(parse("int8-static").apply(model, MadeUp(model)).proto, "again")
    specs = ["none", "int8-static", "int8-dynamic", "float16"]
    reports = compress([quantised], [parse(spec) for spec in specs], MadeUp(model), tmp_path)
    assert [report.path is not None for report in reports] == [True, False, False, False]
    assert all("quantised already" in report.reason for report in reports[1:])


def test_open_axes_written_as_minus_one() -> None:
    model = odd("minus_one")
    assert model.inputs[0].shape == (None, 3, None, None) and model.outputs[0].shape == (None, 4)


def test_made_up_inputs_have_lengths_that_run() -> None:
    feeds = synthetic_inputs(odd("signal"))
    assert all(feed["wave"].shape[2] >= 200 and feed["last"].shape == (1, 8) for feed in feeds)
    again = synthetic_inputs(odd("signal"))
    for first, second in zip(feeds, again, strict=True):
        np.testing.assert_array_equal(first["wave"], second["wave"])


def test_made_up_images() -> None:
    assert synthetic_inputs(build("mobilenet-v1", width=0.25, resolution=64))[0].dtype == np.uint8


def test_a_model_that_runs_on_nothing_made_up(tmp_path: Path) -> None:
    model = Model.from_proto(foreign_models.never_runs(), "odd")
    with pytest.raises(InputError, match=r"'odd' does not run on made-up inputs .*: give samples"):
        synthetic_inputs(model)
    kept, refused = compress([model], [parse("none"), parse("float16")], None, tmp_path)
    # it is what it was: nothing needs to be compared
    assert kept.path is not None and "not verified" in kept.reason
    assert refused.path is None and "give samples" in refused.reason


def test_a_shared_weight_is_stored_once() -> None:
    model = odd("unrolled")
    once = parse("int8-static").apply(Model.from_proto(foreign_models.unrolled(1), "once"), MadeUp(odd("unrolled")))
    many = parse("int8-static").apply(model, MadeUp(model))
    whole = [t for t in many.proto.graph.initializer if t.data_type == 3 and len(t.dims) == 2]  # INT8
    assert len(whole) == len([t for t in once.proto.graph.initializer if t.data_type == 3 and len(t.dims) == 2]) == 1


def test_everything_that_applies_is_known_without_samples() -> None:
    assert applicable(odd("texts"))[0] == "none"
    assert "int8-static" in applicable(odd("unrolled"))
