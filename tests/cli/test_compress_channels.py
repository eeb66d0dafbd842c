"""`compsel compress` says where a small channel of an output suffers more than the whole shows."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import compsel
from compsel import Model
from compsel.cli.main import main
from compsel.techniques import TECHNIQUES
from compsel.techniques.base import Technique
from tests.foreign_models import finish


@pytest.fixture
def tilted() -> Iterator[str]:
    """Register a technique that changes the second channel by a fifth; return its name."""
    before = dict(TECHNIQUES)

    @dataclass(frozen=True)
    class Tilted(Technique):
        name = "tilted"

        def _transform(self, model: Model, calibration: object) -> Model:
            proto = model.copy_proto()
            (weight,) = proto.graph.initializer
            values = numpy_helper.to_array(weight) * np.array([1, 1.2], np.float32)[:, None, None]
            weight.CopyFrom(numpy_helper.from_array(values, weight.name))
            return model.with_proto(proto)

    compsel.register_technique(Tilted)
    yield Tilted.name
    TECHNIQUES.clear()
    TECHNIQUES.update(before)


@pytest.mark.parametrize(("first", "said"), [(1000.0, True), (1.0, False)])
def test_an_error_that_the_whole_hides_is_said(
    first: float, said: bool, tilted: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A detector's boxes in pixels and its scores below 1, in one output; or both of one size."""
    weight = np.array([[[first]], [[1.0]]], np.float32)
    shapes = {"x": (1, 1, 9), "y": (1, 2, 9)}
    values = [onnx.helper.make_tensor_value_info(name, 1, shape) for name, shape in shapes.items()]
    node = onnx.helper.make_node("Conv", ["x", "w"], ["y"])
    onnx.save(finish([node], values[:1], values[1:], {"w": weight}), tmp_path / "head.onnx")
    call = ["compress", tmp_path / "head.onnx", "--out", tmp_path / "v", "--seconds", "0", "--technique", tilted]
    assert main(list(map(str, call))) == 0
    printed = capsys.readouterr().out
    assert ("error 0.0002, channel 0.2" in printed and "the worst channel" in printed) == said
    assert ("channel" in printed) == said
