"""A build whose tables do not fit the limit of memory: trained in batches, which is said wherever the bundle is."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import compsel
from compsel.cli.main import main

N = 14_000


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """Inputs in four classes, and a model that finds most of them."""
    folder, random = tmp_path_factory.mktemp("given"), np.random.default_rng(0)
    weights = random.normal(size=(8, 4)).astype(np.float32)
    x = random.normal(size=(N, 8)).astype(np.float32)
    np.savez(folder / "samples.npz", x=x, y=(x @ weights + random.normal(size=(N, 4))).argmax(axis=1))
    node = helper.make_node("MatMul", ["x", "w"], ["scores"])
    ends = [
        helper.make_tensor_value_info(*end) for end in (("x", 1, ["n", 8]), ("scores", TensorProto.FLOAT, ["n", 4]))
    ]
    graph = helper.make_graph([node], "linear", ends[:1], ends[1:], [numpy_helper.from_array(weights, "w")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), folder / "m.onnx")
    return folder


@pytest.mark.slow
def test_it_is_trained_in_batches_and_said(given, tmp_path, capsys):
    words = ["build", str(given / "m.onnx"), "--samples", str(given / "samples.npz"), "--out", str(tmp_path / "bundle")]
    options = ["--technique", "none", "--technique", "float16", "--processor", "cpu:1", "--state", "idle"]
    said = tmp_path / "said.json"
    assert main([*words, *options, "--memory-limit-mb", "500", "--json", str(said)]) == 0, capsys.readouterr().err
    assert "14,000 samples do not fit the memory limit: trained" in capsys.readouterr().err
    streaming = json.loads(said.read_text())["streaming"]
    assert streaming["n_samples"] == N
    assert compsel.Bundle.load(tmp_path / "bundle").summary["streaming"] == streaming
    assert streaming["words"] in (tmp_path / "bundle.report.html").read_text()


def test_a_limit_that_is_too_small_is_refused_before_the_work(given, tmp_path, capsys):
    words = ["build", str(given / "m.onnx"), "--samples", str(given / "samples.npz"), "--out", str(tmp_path / "bundle")]
    assert main([*words, "--memory-limit-mb", "10"]) == 2
    assert "--memory-limit-mb: got 10.0, allowed are 500 or more" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
