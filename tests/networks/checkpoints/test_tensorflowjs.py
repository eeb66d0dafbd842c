import json
import re
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from onnx import numpy_helper

from compsel.errors import WeightsError
from compsel.models.model import Model
from compsel.networks import build, load_weights

ARRAYS = {"a/kernel": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array([7, 8], np.int32)}


_FIRST = {"conv1": ("conv1", "conv1_conv"), "bn1": ("bn_conv1", "conv1_bn")}


def write(folder: Path, arrays: dict[str, np.ndarray], **changes: object) -> Path:
    data = b"".join(array.tobytes() for array in arrays.values())
    half = len(data) // 2
    (folder / "s1.bin").write_bytes(data[:half])
    (folder / "s2.bin").write_bytes(data[half:])
    entries = [{"name": n, "shape": list(a.shape), "dtype": a.dtype.name} for n, a in arrays.items()]
    group = {"paths": ["s1.bin", "s2.bin"], "weights": entries, **changes}
    (folder / "model.json").write_text(json.dumps({"weightsManifest": [group]}))
    return folder


@pytest.mark.parametrize("path", [".", "model.json"])
def test_shards_are_read(tmp_path: Path, path: str) -> None:
    got = load_weights(write(tmp_path, ARRAYS) / path)
    assert list(got) == list(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(got[name], array, strict=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"paths": ["../s1.bin"]}, "outside its folder"),
        ({"paths": ["/s1.bin"]}, "outside its folder"),
        ({"paths": ["none.bin"]}, "cannot be read"),
        ({"paths": ["s1.bin"]}, "not in the shards"),
        ({"paths": ["s1.bin", "s2.bin", "s2.bin"]}, "may stand there once"),
        ({"weights": []}, "belong to no tensor"),
        ({"weights": [{"name": "x", "shape": [-1], "dtype": "float32"}]}, "whole numbers"),
        ({"weights": [{"name": "x", "shape": [1], "dtype": "complex64"}]}, "complex64"),
        ({"weights": [{"name": "x"}]}, "without name"),
        ({"weights": 3}, r"not the model\.json"),
    ],
)
def test_a_manifest_that_lies_is_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        load_weights(write(tmp_path, ARRAYS, **changes))


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="not the model"):
        load_weights(tmp_path)


def keras_arrays(model: Model, *, old: bool) -> dict[str, np.ndarray]:
    """Return the parameters of a ResNet under the names and in the layouts of Keras, with a bias per convolution."""
    result = {}
    kinds = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
    for tensor in model.proto.graph.initializer:
        layer, _, kind = tensor.name.rpartition(".")
        array = numpy_helper.to_array(tensor)
        if array.ndim == 4:
            name = keras_name(layer, old=old)
            result[f"{name}/kernel"] = array.transpose(2, 3, 1, 0)
            result[f"{name}/bias"] = np.zeros(len(array), np.float32)
        elif layer == "fc":
            result[f"{'fc1000' if old else 'predictions'}/{'kernel' if array.ndim == 2 else 'bias'}"] = array.T
        else:
            result[f"{keras_name(layer, old=old)}/{kinds[kind]}"] = array
    return result


def keras_name(layer: str, *, old: bool) -> str:
    if layer in _FIRST:
        return _FIRST[layer][0 if old else 1]
    match = re.fullmatch(r"layer(\d)\.(\d+)\.(?:downsample\.([01])|(conv|bn)(\d))", layer)
    assert match is not None
    stage, block = int(match[1]) + 1, int(match[2])
    convolution = match[3] == "0" or match[4] == "conv"
    number = int(match[5] or 0)
    if old:
        return f"{'res' if convolution else 'bn'}{stage}{'abcdef'[block]}_branch{('1', '2a', '2b', '2c')[number]}"
    return f"conv{stage}_block{block + 1}_{number}_{'conv' if convolution else 'bn'}"


@pytest.mark.parametrize("old", [True, False])
def test_keras_weights_of_resnet(tmp_path: Path, old: bool) -> None:
    options = {"width": 0.125, "resolution": 64, "classes": 10}
    ours = build("resnet50", **options)
    keras = build("resnet50", weights=write(tmp_path, keras_arrays(ours, old=old)), **options)
    assert keras.preprocessing is not None and keras.preprocessing.channels == "BGR"
    for stage in (2, 3, 4):
        assert f"layer{stage}.0.conv1" in strided(keras) - strided(ours)
        assert f"layer{stage}.0.conv2" in strided(ours) - strided(keras)
    same_first_stage(ours, keras)


def strided(model: Model) -> set[str]:
    return {
        node.name
        for node in model.proto.graph.node
        if node.op_type == "Conv" and any(a.name == "strides" and 2 in a.ints for a in node.attribute)
    }


def same_first_stage(a: Model, b: Model) -> None:
    """Both forms agree up to the first stride in a block: the mapping of names and layouts is right."""
    answers = []
    for model in (a, b):
        proto = model.copy_proto()
        for node in proto.graph.node:
            for attribute in node.attribute:
                if attribute.name == "epsilon":
                    attribute.f = 1e-5
        output = proto.graph.output[0]
        output.name = "layer1.2.add.relu"
        del output.type.tensor_type.shape.dim[:]
        output.type.tensor_type.ClearField("shape")
        session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
        tensor = np.random.default_rng(0).standard_normal((1, 3, 64, 64), np.float32)
        answers.append(session.run(None, {"input": tensor})[0])
    np.testing.assert_allclose(answers[0], answers[1], rtol=1e-4, atol=1e-4)
