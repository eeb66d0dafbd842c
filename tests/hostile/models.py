"""ONNX files that cost more than their size, or say of themselves what cannot be read."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

from compsel.errors import ModelError
from compsel.models.model import Model
from compsel.models.protobuf_streaming import _varint
from tests.hostile.kinds import Kind, hole, hostile

__all__ = ["KINDS", "small_model"]

KINDS: list[Kind] = []


def _read(path: Path) -> Any:
    model = Model.load(path)
    return model.inputs, model.outputs, model.opset, model.fingerprint(), list(model.graphs())


def small_model(**metadata: str) -> onnx.ModelProto:
    """Return a model of pictures with ten classes."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["scores"]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 32, 32])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 10])
    weights = helper.make_tensor("w", TensorProto.FLOAT, [3, 10], [0.5] * 30)
    graph = helper.make_graph(nodes, "small", [image], [scores], [weights])
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    for key, value in metadata.items():
        proto.metadata_props.add(key=key.replace("__", "."), value=value)
    return proto


def _written(folder: Path, proto: onnx.ModelProto, behind: bytes = b"") -> Path:
    (folder / "a.onnx").write_bytes(proto.SerializeToString() + behind)
    return folder / "a.onnx"


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _in_graph(content: bytes) -> bytes:
    """Return the graph of the small model with something behind it."""
    proto = small_model()
    graph = proto.graph.SerializeToString() + content
    proto.ClearField("graph")
    return proto.SerializeToString() + _field(7, graph)


def _empty_fields(place: str, make: Callable[[bytes], bytes], number: int) -> None:
    def kind(folder: Path) -> Path:
        (folder / "a.onnx").write_bytes(make(_field(number, b"") * 20_000_000))
        return folder / "a.onnx"

    kind.__name__ = f"40_MB_of_empty_fields_as_{place}"
    hostile(KINDS, _read, ModelError)(kind)


_empty_fields("metadata", lambda many: small_model().SerializeToString() + many, 14)
_empty_fields("functions", lambda many: small_model().SerializeToString() + many, 25)
_empty_fields("unknown", lambda many: small_model().SerializeToString() + many, 15)
_empty_fields("nodes", _in_graph, 1)
_empty_fields("initializers", _in_graph, 5)
_empty_fields("inputs", _in_graph, 11)
_empty_fields("value_infos", _in_graph, 13)
_empty_fields("attributes", lambda many: _in_graph(_field(1, many)), 5)
_empty_fields("names_of_a_node", lambda many: _in_graph(_field(1, many)), 1)
_empty_fields("texts_of_a_tensor", lambda many: _in_graph(_field(5, many)), 6)
_empty_fields("places_of_a_tensor", lambda many: _in_graph(_field(5, many)), 13)


@hostile(KINDS, _read, ModelError)
def tensor_of_20_million_dimensions(folder: Path) -> Path:
    (folder / "a.onnx").write_bytes(_in_graph(_field(5, b"\x08\x01" * 20_000_000)))
    return folder / "a.onnx"


@hostile(KINDS, _read, ModelError)
def graphs_nested_10_000_deep(folder: Path) -> Path:
    inner = b""
    for _ in range(2_000):
        inner = _field(1, _field(5, _field(6, inner)))
    (folder / "a.onnx").write_bytes(_in_graph(inner))
    return folder / "a.onnx"


@hostile(KINDS, _read, ModelError)
def preprocessing_nested_10_000_deep(folder: Path) -> Path:
    return _written(folder, small_model(compsel__preprocessing='{"kind": ' + "[" * 10_000 + "]" * 10_000 + "}"))


@hostile(KINDS, _read, ModelError)
def labels_nested_10_000_deep(folder: Path) -> Path:
    return _written(folder, small_model(compsel__labels="[" * 10_000 + "]" * 10_000))


@hostile(KINDS, _read, ModelError)
def preprocessing_of_numbers_beyond_all(folder: Path) -> Path:
    text = json.dumps({"kind": "image", "resolution": [10**400, 10**400]})
    return _written(folder, small_model(compsel__preprocessing=text))


@hostile(KINDS, _read, ModelError)
def preprocessing_with_a_list_for_a_number(folder: Path) -> Path:
    text = json.dumps({"kind": "image", "resolution": [32, 32], "crop_fraction": [], "fit": [[]]})
    return _written(folder, small_model(compsel__preprocessing=text))


@hostile(KINDS, _read, ModelError)
def preprocessing_of_64_mb_of_brackets(folder: Path) -> Path:
    return _written(folder, small_model(compsel__preprocessing="[" + "[]," * 21_000_000 + "[]]"))


@hostile(KINDS, _read, None)
def names_of_classes_of_64_mb_of_brackets(folder: Path) -> Path:
    return _written(folder, small_model(names="{0: [" + "()," * 21_000_000 + "()]}"))


@hostile(KINDS, _read, None)
def names_of_classes_nested_as_python_100_000_deep(folder: Path) -> Path:
    return _written(folder, small_model(names="[" + "-" * 100_000 + "1]"))


@hostile(KINDS, _read, None)
def configuration_beside_nested_10_000_deep(folder: Path) -> Path:
    (folder / "config.json").write_text("[" * 10_000 + "]" * 10_000)
    return _written(folder, small_model())


@hostile(KINDS, _read, None)
def configuration_beside_that_is_a_fifo(folder: Path) -> Path:
    os.mkfifo(folder / "preprocessor_config.json")
    return _written(folder, small_model())


@hostile(KINDS, _read, None)
def configuration_beside_of_numbers_beyond_all(folder: Path) -> Path:
    (folder / "preprocessor_config.json").write_text('{"sampling_rate": 1e999, "size": 1e999}')
    return _written(folder, small_model())


@hostile(KINDS, _read, None)
def names_of_classes_beside_of_a_terabyte(folder: Path) -> Path:
    hole(folder / "labels.txt", 10**12)
    return _written(folder, small_model())


@hostile(KINDS, _read, ModelError)
def tokenizer_beside_that_is_a_terabyte(folder: Path) -> Path:
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, None])
    graph = helper.make_graph(
        [helper.make_node("Cast", ["input_ids"], ["scores"], to=1)],
        "text",
        [ids],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, None])],
    )
    hole(folder / "tokenizer.json", 10**12)
    return _written(folder, helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8))


def _external(folder: Path, count: int = 1, **entries: object) -> Path:
    proto = small_model()
    for index in range(count):
        tensor = proto.graph.initializer.add(name=f"t{index}", data_type=TensorProto.FLOAT, dims=[250_000_000_000])
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in entries.items():
            tensor.external_data.add(key=key, value=str(value))
    return _written(folder, proto)


@hostile(KINDS, _read, ModelError)
def external_weights_in_a_terabyte(folder: Path) -> Path:
    hole(folder / "w.bin", 10**12)
    return _external(folder, location="w.bin")


@hostile(KINDS, _read, ModelError)
def external_weights_in_a_fifo(folder: Path) -> Path:
    os.mkfifo(folder / "w.bin")
    return _external(folder, location="w.bin")


@hostile(KINDS, _read, ModelError)
def external_weights_in_a_device(folder: Path) -> Path:
    (folder / "w.bin").symlink_to("/dev/zero")
    return _external(folder, location="w.bin")


@hostile(KINDS, _read, ModelError)
def external_weights_read_1_000_times(folder: Path) -> Path:
    (folder / "w.bin").write_bytes(bytes(20_000_000))
    return _external(folder, 1_000, location="w.bin")


@hostile(KINDS, _read, ModelError)
def external_weights_at_a_place_of_many_digits(folder: Path) -> Path:
    (folder / "w.bin").write_bytes(bytes(20))
    return _external(folder, location="w.bin", offset=10**4000, length=1)


@hostile(KINDS, _read, ModelError)
def inputs_of_no_element_type(folder: Path) -> Path:
    proto = small_model()
    proto.graph.input[0].type.tensor_type.elem_type = 77
    return _written(folder, proto)


@hostile(KINDS, _read, ModelError)
def function_that_doubles_20_times(folder: Path) -> Path:
    """Each function calls the one before twice: a million nodes of a few hundred bytes."""
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("f", 1)]
    functions = [
        helper.make_function("f", "f0", ["a"], ["b"], [helper.make_node("Neg", ["a"], ["b"])], sets),
        *(
            helper.make_function(
                "f",
                f"f{index}",
                ["a"],
                ["c"],
                [
                    helper.make_node(f"f{index - 1}", ["a"], ["b"], domain="f"),
                    helper.make_node(f"f{index - 1}", ["b"], ["c"], domain="f"),
                ],
                sets,
            )
            for index in range(1, 24)
        ),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("f23", ["x"], ["y"], domain="f")], "g", [x], [y])
    return _written(folder, helper.make_model(graph, functions=functions, opset_imports=sets, ir_version=8))


@hostile(KINDS, _read, ModelError)
def function_that_calls_itself(folder: Path) -> Path:
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("f", 1)]
    node = helper.make_node("f", ["a"], ["b"], domain="f")
    function = helper.make_function("f", "f", ["a"], ["b"], [node], sets)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("f", ["x"], ["y"], domain="f")], "g", [x], [y])
    return _written(folder, helper.make_model(graph, functions=[function], opset_imports=sets, ir_version=8))
