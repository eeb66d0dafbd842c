"""`run` gives the numbers, shapes and types of `onnxruntime.InferenceSession.run`, whatever the first axis is."""

from pathlib import Path

import numpy as np
import pytest

import compsel
from compsel.inputs.samples import ArraySamples
from compsel.models.graph_session import open_session
from tests.batch_models import CASES


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_batches(name: str, tmp_path: Path) -> None:
    model, sample, batch = CASES[name]
    generator = np.random.default_rng(0)
    samples = ArraySamples(
        [
            {key: generator.standard_normal(value.shape).astype(np.float32) for key, value in sample.items()}
            for _ in range(20)
        ]
    )
    measuring = compsel.Measuring(
        techniques=["none"], processors=["cpu:1"], states=["idle"], output_quality=compsel.OutputQuality("cosine")
    )
    compsel.build([model], samples, tmp_path / "bundle", measuring=measuring)
    wanted = open_session(model.proto).run(None, batch)
    with compsel.load(tmp_path / "bundle") as runtime:
        got = runtime.run(None, batch)
    assert [(one.dtype, one.shape) for one in got] == [(one.dtype, one.shape) for one in wanted]
    for ours, theirs in zip(got, wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
