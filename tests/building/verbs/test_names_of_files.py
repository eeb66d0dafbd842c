"""No variant takes the file of another, nor of a model."""

import unicodedata
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import compsel
from compsel.errors import ProfileError, TechniqueError
from compsel.inputs.samples import ArraySamples
from compsel.models.model import Model
from compsel.variants.build_variants import build_variants


def dense(path: Path, seed: int = 0) -> Path:
    weights = np.random.default_rng(seed).standard_normal((64, 64)).astype(np.float32)
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 64]) for name in ("x", "y")]
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "g", values[:1], values[1:], [numpy_helper.from_array(weights, "w")])
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.mark.parametrize(
    "names",
    [
        ("net v1", "net-v1"),
        ("Net", "net"),
        ("n=1", "n:1"),
        (unicodedata.normalize("NFC", "modèle"), unicodedata.normalize("NFD", "modèle")),
    ],
)
def test_models_whose_variants_would_be_one_file_are_refused(names: tuple[str, str], tmp_path: Path) -> None:
    models = [dense(tmp_path / str(seed) / f"{name}.onnx", seed) for seed, name in enumerate(names)]
    with pytest.raises(TechniqueError, match="would have the same files: give each a name of its own"):
        compsel.compress(models, "int8-weight", tmp_path / "out", seconds=0)
    assert not (tmp_path / "out").exists()


def test_a_variant_never_replaces_a_model_that_is_to_be_compressed(tmp_path: Path) -> None:
    models = [dense(tmp_path / "net.onnx"), dense(tmp_path / "net.int8-weight.onnx", 1)]
    before = models[1].read_bytes()
    with pytest.raises(TechniqueError, match=r"would replace .*net\.int8-weight\.onnx"):
        compsel.compress(models, "int8-weight", tmp_path, seconds=0)
    assert models[1].read_bytes() == before


def test_variants_of_two_models_never_share_a_file(tmp_path: Path) -> None:
    models = [Model.load(dense(tmp_path / f"{name}.onnx")) for name in ("net", "net_float16")]
    samples = ArraySamples([{"x": np.ones((1, 64), np.float32)}])
    with pytest.raises(ProfileError, match=r"net_float16/int8-weight.*same files"):
        build_variants(
            models, tmp_path / "files", samples, {"net": ["float16+int8-weight"], "net_float16": ["int8-weight"]}
        )


@pytest.mark.parametrize("name", ["con", "模" * 80, "a b'c\"d", "line\nbreak", "-dash", "~", "a" * 250])
def test_every_name_of_a_model_has_its_variant(name: str, tmp_path: Path) -> None:
    (report,) = compsel.compress(dense(tmp_path / f"{name}.onnx"), "int8-weight", tmp_path / "out", seconds=0)
    assert report.path is not None
    assert report.path.is_file()
    assert report.model == name
