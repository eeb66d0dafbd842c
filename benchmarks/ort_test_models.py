"""The models that ONNX Runtime's own Python tests open, made anew with the names, types and numbers that they expect.

Its source packages of Linux distributions have the tests, and no model.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

__all__ = ["write_models"]

FLOAT, INT64, STRING, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING, TensorProto.BOOL
value = helper.make_tensor_value_info


def _model(nodes: list, inputs: list, outputs: list, initializers: tuple = (), opset: int = 17) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "test", inputs, outputs, list(initializers))
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 3)]
    opsets.append(helper.make_opsetid("com.microsoft", 1))
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def _weights(name: str, *shape: int) -> onnx.TensorProto:
    numbers = np.arange(1, 1 + int(np.prod(shape)), dtype=np.float32).reshape(shape)
    return onnx.numpy_helper.from_array(numbers, name)


def _mul() -> onnx.ModelProto:
    shape = [3, 2]
    nodes = [helper.make_node("Mul", ["X", "W"], ["Y"])]
    return _model(nodes, [value("X", FLOAT, shape)], [value("Y", FLOAT, shape)], (_weights("W", 3, 2),))


def _matmul(rows: int | str) -> onnx.ModelProto:
    nodes = [helper.make_node("MatMul", ["X", "W"], ["Y"])]
    return _model(nodes, [value("X", FLOAT, [rows, 2])], [value("Y", FLOAT, [rows, 1])], (_weights("W", 2, 1),))


def _logical_and() -> onnx.ModelProto:
    names = ("input1:0", "input:0")
    nodes = [helper.make_node("And", list(names), ["output:0"])]
    return _model(nodes, [value(name, BOOL, [2, 2]) for name in names], [value("output:0", BOOL, [2, 2])])


def _identity_string() -> onnx.ModelProto:
    nodes = [helper.make_node("Identity", ["input:0"], ["output:0"])]
    return _model(nodes, [value("input:0", STRING, [2, 2])], [value("output:0", STRING, [2, 2])])


def _identity_optional() -> onnx.ModelProto:
    of = helper.make_sequence_type_proto(helper.make_tensor_type_proto(FLOAT, None))
    kind = helper.make_optional_type_proto(of)
    nodes = [helper.make_node("Identity", ["opt_in"], ["opt_out"])]
    return _model(nodes, [helper.make_value_info("opt_in", kind)], [helper.make_value_info("opt_out", kind)])


def _free_dimensions() -> onnx.ModelProto:
    shown = value("x", FLOAT, ["Dim1", "Dim2", 5], shape_denotation=["DATA_BATCH", "DATA_CHANNEL", ""])
    return _model([helper.make_node("Abs", ["x"], ["y"])], [shown], [value("y", FLOAT, ["Dim1", "Dim2", 5])])


def _sequence(name: str, element: int) -> onnx.ValueInfoProto:
    return helper.make_value_info(name, helper.make_sequence_type_proto(helper.make_tensor_type_proto(element, None)))


def _sequence_length() -> onnx.ModelProto:
    return _model([helper.make_node("SequenceLength", ["X"], ["Y"])], [_sequence("X", FLOAT)], [value("Y", INT64, [])])


def _sequence_construct() -> onnx.ModelProto:
    nodes = [helper.make_node("SequenceConstruct", ["tensor1", "tensor2"], ["output_sequence"])]
    inputs = [value(name, INT64, [2, 3]) for name in ("tensor1", "tensor2")]
    return _model(nodes, inputs, [_sequence("output_sequence", INT64)])


def _sequence_insert() -> onnx.ModelProto:
    nodes = [helper.make_node("SequenceInsert", ["input_seq", "tensor"], ["output_sequence"])]
    inputs = [_sequence("input_seq", INT64), value("tensor", INT64, [2, 3])]
    return _model(nodes, inputs, [_sequence("output_sequence", INT64)])


def _zip_map(**labels: list) -> onnx.ModelProto:
    key = STRING if "classlabels_strings" in labels else INT64
    rows = helper.make_map_type_proto(key, helper.make_tensor_type_proto(FLOAT, []))
    output = helper.make_value_info("Z", helper.make_sequence_type_proto(rows))
    node = helper.make_node("ZipMap", ["X"], ["Z"], domain="ai.onnx.ml", **labels)
    return _model([node], [value("X", FLOAT, [None, 3])], [output])


def _label_encoder() -> onnx.ModelProto:
    labels = {"keys_strings": ["1", "2", "3", "4"], "values_int64s": [0, 1, 2, 3]}
    node = helper.make_node("LabelEncoder", ["input"], ["variable"], domain="ai.onnx.ml", **labels)
    return _model([node], [value("input", STRING, [1, 1])], [value("variable", INT64, [1, 1])])


def _vectorized() -> onnx.ModelProto:
    numbers = helper.make_map_type_proto(INT64, helper.make_tensor_type_proto(FLOAT, []))
    nodes = [
        helper.make_node("DictVectorizer", ["float_input"], ["v"], domain="ai.onnx.ml", int64_vocabulary=[*range(5)]),
        helper.make_node(
            "LinearRegressor",
            ["v"],
            ["variable1"],
            domain="ai.onnx.ml",
            coefficients=[1.0] * 5,
            intercepts=[49.752754 - 36.549],  # what the test expects, less what it feeds
        ),
    ]
    return _model(nodes, [helper.make_value_info("float_input", numbers)], [value("variable1", FLOAT, [1, 1])])


def _tree() -> onnx.ModelProto:
    def doubles(name: str, numbers: list[float]) -> onnx.TensorProto:
        return helper.make_tensor(name, TensorProto.DOUBLE, [len(numbers)], numbers)

    node = helper.make_node(
        "TreeEnsembleRegressor",
        ["X"],
        ["variable"],
        domain="ai.onnx.ml",
        n_targets=1,
        nodes_treeids=[0, 0, 0],
        nodes_nodeids=[0, 1, 2],
        nodes_featureids=[2, 0, 0],
        nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"],
        nodes_truenodeids=[1, 0, 0],
        nodes_falsenodeids=[2, 0, 0],
        nodes_values_as_tensor=doubles("v", [1.7999999523162842, 0.0, 0.0]),
        target_treeids=[0, 0],
        target_nodeids=[1, 2],
        target_ids=[0, 0],
        target_weights_as_tensor=doubles("w", [0.7284910678863525, 0.9134243130683899]),
    )
    outputs = [value("variable", TensorProto.DOUBLE, [None, 1])]
    return _model([node], [value("X", TensorProto.DOUBLE, [None, 4])], outputs)


def _encoder() -> onnx.ModelProto:
    categories = [b"B\0B\0", b"never", b"C\0C\0", b"nor this"]
    one_hot = helper.make_node("OneHotEncoder", ["C1"], ["C12"], domain="ai.onnx.ml", cats_strings=categories, zeros=1)
    nodes = [helper.make_node("Identity", ["C0"], ["C00"]), one_hot]
    inputs = [value("C0", FLOAT, [1, 1]), value("C1", STRING, [1, 3])]
    return _model(nodes, inputs, [value("C00", FLOAT, [1, 1]), value("C12", FLOAT, [1, 3, 4])])


def _digits() -> onnx.ModelProto:
    nodes = [
        helper.make_node("Flatten", ["Input3"], ["f"]),
        helper.make_node("MatMul", ["f", "w"], ["Plus214_Output_0"]),
    ]
    outputs = [value("Plus214_Output_0", FLOAT, [1, 10])]
    return _model(nodes, [value("Input3", FLOAT, [1, 1, 28, 28])], outputs, (_weights("w", 784, 10),))


def _configured() -> onnx.ModelProto:
    options = {"inter_op_num_threads": 5, "intra_op_num_threads": 2, "graph_optimization_level": 99}
    model = _mul()
    model.metadata_props.add(
        key="ort_config", value=json.dumps({"session_options": {**options, "enable_profiling": 1}})
    )
    return model


def _padded() -> onnx.ModelProto:
    pads = onnx.numpy_helper.from_array(np.array([0, 0, 1, 1]), "Pads_not_on_disk")
    onnx.external_data_helper.set_external_data(pads, location="Pads_not_on_disk.bin")
    pads.ClearField("raw_data")
    pads.data_location = TensorProto.EXTERNAL
    inputs = [value("X", FLOAT, [1, 2]), value("Pads_not_on_disk", INT64, [4])]
    node = helper.make_node("Pad", ["X", "Pads_not_on_disk"], ["Y"], mode="constant")
    return _model([node], inputs, [value("Y", FLOAT, [1, 4])], (pads,))


def _adapted() -> onnx.ModelProto:
    nodes = [
        helper.make_node("MatMul", ["input_x", "weight_x"], ["x"]),
        helper.make_node("MatMul", ["input_x", "lora_param_a"], ["a"]),
        helper.make_node("MatMul", ["a", "lora_param_b"], ["b"]),
        helper.make_node("Add", ["x", "b"], ["output"]),
    ]
    inputs = [value("input_x", FLOAT, [4, 4]), value("lora_param_a", FLOAT, [4, "dim"])]
    inputs.append(value("lora_param_b", FLOAT, ["dim", 4]))
    defaults = (_weights("weight_x", 4, 4), _weights("lora_param_a", 4, 0), _weights("lora_param_b", 0, 4))
    return _model(nodes, inputs, [value("output", FLOAT, [4, 4])], defaults)


def _adapter(path: Path) -> None:
    made = onnxruntime.AdapterFormat()
    made.set_adapter_version(1)
    made.set_model_version(1)
    parameters = {"lora_param_a": np.float32([[3], [4], [5], [6]]), "lora_param_b": np.float32([[7, 8, 9, 10]])}
    values = {name: onnxruntime.OrtValue.ortvalue_from_numpy(array) for name, array in parameters.items()}
    made.set_parameters(values)
    made.export_adapter(str(path))


def _sparse_output() -> onnx.ModelProto:
    numbers = helper.make_tensor("c", FLOAT, [3], [1.764052391052246, 0.40015721321105957, 0.978738009929657])
    sparse = helper.make_sparse_tensor(numbers, helper.make_tensor("i", INT64, [3], [2, 3, 5]), [3, 3])
    nodes = [helper.make_node("Constant", [], ["values"], sparse_value=sparse)]
    return _model(nodes, [], [helper.make_sparse_tensor_value_info("values", FLOAT, [3, 3])])


def _sparse_product() -> onnx.ModelProto:
    node = helper.make_node("SparseToDenseMatMul", ["sparse_A", "dense_B"], ["dense_Y"], domain="com.microsoft")
    inputs = [helper.make_sparse_tensor_value_info("sparse_A", FLOAT, [9, 9]), value("dense_B", FLOAT, [9, 9])]
    return _model([node], inputs, [value("dense_Y", FLOAT, [9, 9])])


MODELS: dict[str, Callable[[], onnx.ModelProto]] = {
    "LabelEncoder": _label_encoder,
    "abs_free_dimensions": _free_dimensions,
    "identity_opt": _identity_optional,
    "identity_string": _identity_string,
    "logicaland": _logical_and,
    "lora/two_params_lora_model": _adapted,
    "matmul_1": lambda: _matmul(3),
    "matmul_2": lambda: _matmul("None"),
    "mlnet_encoder": _encoder,
    "mnist": _digits,
    "model_with_external_initializer_come_from_user": _padded,
    "model_with_valid_ort_config_json": _configured,
    "mul_1": _mul,
    "pipeline_vectorize": _vectorized,
    "sequence_construct": _sequence_construct,
    "sequence_insert": _sequence_insert,
    "sequence_length": _sequence_length,
    "sparse_initializer_as_output": _sparse_output,
    "sparse_to_dense_matmul": _sparse_product,
    "tree_ensemble_as_tensor": _tree,
    "zipmap_int64float": lambda: _zip_map(classlabels_int64s=[10, 20, 30]),
    "zipmap_stringfloat": lambda: _zip_map(classlabels_strings=["class1", "class2", "class3"]),
}


def write_models(folder: Path) -> None:
    """Write every model into a folder."""
    (folder / "lora").mkdir(parents=True)
    for name, make in MODELS.items():
        (folder / f"{name}.onnx").write_bytes(make().SerializeToString())
    _adapter(folder / "lora" / "two_params_lora_model.onnx_adapter")
    outside = {"save_as_external_data": True, "size_threshold": 0, "location": "model_with_orig_ext_data.bin"}
    onnx.save(_digits(), str(folder / "model_with_orig_ext_data.onnx"), **outside)
