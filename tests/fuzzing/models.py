"""ONNX files, what their metadata say, and what lies beside them."""

import json
import tempfile
from pathlib import Path
from typing import Any

from onnx import TensorProto, helper

from compsel.inputs.images.preprocessing import ImagePreprocessing
from compsel.models.model import Model
from tests.fuzzing.target import Target, of_file
from tests.hostile.models import KINDS, small_model

__all__ = ["TARGETS"]

_LARGEST_SEED = 20_000
_PREPROCESSING = ImagePreprocessing(resolution=(32, 32)).to_json()
_HUGGING_FACE = {
    "image_processor_type": "ViTImageProcessor",
    "size": {"height": 32, "width": 32},
    "crop_size": 32,
    "do_center_crop": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "resample": 3,
    "rescale_factor": 0.00392,
    "sampling_rate": 16000,
    "id2label": {str(index): f"class {index}" for index in range(10)},
}
_TIMM = {
    "pretrained_cfg": {"mean": [0.5], "std": [0.5], "input_size": [3, 32, 32], "crop_pct": 0.9, "label_names": ["a"]}
}


def _look_at(model: Model) -> Any:
    facts = model.inputs, model.outputs, model.opset, list(model.graphs()), model.fingerprint(), model.notes
    return facts, model.preprocessing and model.preprocessing.to_json()


def _read(path: Path) -> Any:
    path.with_name("w.bin").write_bytes(bytes(200))
    return _look_at(Model.load(path))


def _seeds() -> dict[str, bytes]:
    found = {
        "plain": small_model().SerializeToString(),
        "described": small_model(compsel__preprocessing=_PREPROCESSING, names="{0: 'a'}").SerializeToString(),
        "classifier": _classifier().SerializeToString(),
    }
    outside = small_model()
    tensor = outside.graph.initializer.add(name="t", data_type=TensorProto.FLOAT, dims=[5])
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": "w.bin", "offset": "4", "length": "20"}.items():
        tensor.external_data.add(key=key, value=value)
    found["outside"] = outside.SerializeToString()
    for kind in KINDS:
        if "MB" not in kind.name and "mb" not in kind.name and "million" not in kind.name:
            with tempfile.TemporaryDirectory() as folder:
                path = kind.make(Path(folder))
                if path.stat().st_size <= _LARGEST_SEED and not (path.parent / "w.bin").exists():
                    found[kind.name] = path.read_bytes()
    return found


def _classifier() -> Any:
    """Return what skl2onnx makes of a classifier: labels, and a map of scores for each row."""
    nodes = [
        helper.make_node(
            "LinearClassifier", ["x"], ["label", "p"], domain="ai.onnx.ml", coefficients=[1.0] * 4,
            intercepts=[0.0] * 2, classlabels_strings=["cat", "dog"], post_transform="SOFTMAX",
        ),
        helper.make_node("ZipMap", ["p"], ["scores"], domain="ai.onnx.ml", classlabels_strings=["cat", "dog"]),
    ]  # fmt: skip
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])
    label = helper.make_tensor_value_info("label", TensorProto.STRING, [None])
    scores = helper.make_empty_tensor_value_info("scores")
    graph = helper.make_graph(nodes, "classifier", [x], [label, scores])
    return helper.make_model(
        graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    )


def _read_metadata(data: bytes) -> Any:
    text = data.decode("latin-1")
    # the first byte says which of the keys it stands for
    keys = ("compsel__preprocessing", "compsel__labels", "names", "id2label", "Image__NominalPixelRange")
    proto = small_model(**{keys[ord(text[:1] or "\0") % len(keys)]: text[1:]})
    proto.metadata_props.add(key="task", value="classify")
    return of_file(_read, "a.onnx")(proto.SerializeToString())


def _metadata_seeds() -> dict[str, bytes]:
    texts = (_PREPROCESSING, json.dumps(["a", "b"]), "{0: 'a', 1: 'b'}", json.dumps({"0": "a"}), "Normalized_0_1")
    return {text: bytes([index]) + text.encode() for index, text in enumerate(texts)}


def _read_beside(data: bytes) -> Any:
    names = ("preprocessor_config.json", "config.json", "labels.txt", "labels.json")

    def read(path: Path) -> Any:
        path.with_name(names[(data or b"\0")[0] % len(names)]).write_bytes(data[1:])
        return _read(path)

    return of_file(read, "a.onnx")(small_model().SerializeToString())


def _beside_seeds() -> dict[str, bytes]:
    return {
        "image processor": b"\0" + json.dumps(_HUGGING_FACE).encode(),
        "timm": b"\1" + json.dumps(_TIMM).encode(),
        "lines": b"\2" + b"".join(b"%d class\n" % index for index in range(10)),
        "list": b"\3" + json.dumps([f"class {index}" for index in range(10)]).encode(),
    }


_JSON = (b"null", b"true", b"1e999", b"-1", b"[]", b"{}", b'""', b'"kind"', b'"resolution"', b'"text"', b'"image"')

TARGETS = (
    Target("onnx", of_file(_read, "a.onnx"), _seeds, words=(b"ZipMap", b"Flatten", b"If", b"w.bin", b"ai.onnx.ml")),
    Target("onnx-metadata", _read_metadata, _metadata_seeds, words=_JSON),
    Target(
        "beside-a-model",
        _read_beside,
        _beside_seeds,
        words=(*_JSON, b'"size"', b'"mean"', b'"crop_pct"', b'"id2label"'),
    ),
)
