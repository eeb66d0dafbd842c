"""Ranges of the values inside a graph, from samples that are read one by one: memory does not grow with them."""

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from compsel.errors import ModelError
from compsel.techniques.histogram import Histogram, Method, entropy_range, mse_range, percentile_range

__all__ = ["Range", "calibrate", "open_session", "with_outputs"]

Range = tuple[float, float]
Feeds = Mapping[str, np.ndarray]
_LOW, _HIGH = "compsel.low", "compsel.high"


def calibrate(
    proto: onnx.ModelProto,
    tensors: Sequence[str],
    feeds: Callable[[], Iterable[Feeds]],
    method: Method = "minmax",
    percentile: float = 99.99,
) -> dict[str, Range]:
    """Measure the range of float tensors over samples.

    Args:
        proto: the graph.
        tensors: names of the float values to measure.
        feeds: gives the samples' feeds from the start each time it is called; called once for "minmax", else twice.
        method: "minmax" takes the extremes, the others cut off rare values (`compsel.techniques.histogram`).
        percentile: percent of the values that the method "percentile" keeps.

    Returns:
        low and high of each tensor, low <= 0 <= high.

    Raises:
        ModelError: the graph does not run, or gives values that are not finite.
    """
    extremes = _extremes(proto, tensors, feeds())
    if method == "minmax":
        return extremes
    histograms = {name: Histogram.empty(*extremes[name]) for name in tensors}
    inner = [name for name in tensors if name not in {value.name for value in proto.graph.input}]
    session = open_session(with_outputs(proto, inner))
    for feed in feeds():
        values = {**feed, **dict(zip(inner, session.run(inner, dict(feed)), strict=True))}
        for name, histogram in histograms.items():
            histogram.add(values[name])
    if method == "percentile":
        return {name: percentile_range(histogram, percentile) for name, histogram in histograms.items()}
    find = entropy_range if method == "entropy" else mse_range
    return {name: find(histogram) for name, histogram in histograms.items()}


def open_session(proto: onnx.ModelProto, *, optimise: bool = True) -> onnxruntime.InferenceSession:
    """Load a graph on one thread of the CPU, from memory, or through a temporary file when it is large.

    Raises:
        ModelError: it does not load.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        if proto.ByteSize() < _IN_MEMORY_BYTES:
            return onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return _open_large(proto, options)
    except Exception as error:  # ONNX Runtime's exceptions have no common base
        raise ModelError(f"the model does not load: {' '.join(str(error).split())[:300]}") from error


_IN_MEMORY_BYTES = 64_000_000
_INSIDE_BYTES = 4096


def _open_large(proto: onnx.ModelProto, options: onnxruntime.SessionOptions) -> onnxruntime.InferenceSession:
    """Load through external data, which the runtime maps from the file instead of copying it."""
    with tempfile.TemporaryDirectory(prefix="compsel-") as folder:
        path = Path(folder) / "model.onnx"
        weights = Path(folder) / "weights"
        graph = onnx.ModelProto()
        graph.CopyFrom(_without_weights(proto, weights))
        path.write_bytes(graph.SerializeToString())
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _without_weights(proto: onnx.ModelProto, weights: Path) -> onnx.ModelProto:
    """Write the large weights to a file and return the graph that refers to them."""
    graph = onnx.ModelProto(ir_version=proto.ir_version, opset_import=proto.opset_import, functions=proto.functions)
    graph.graph.name = proto.graph.name
    for field in ("node", "input", "output", "value_info", "sparse_initializer"):
        getattr(graph.graph, field).extend(getattr(proto.graph, field))
    with weights.open("wb") as stream:
        for tensor in proto.graph.initializer:
            if len(tensor.raw_data) < _INSIDE_BYTES:
                graph.graph.initializer.append(tensor)
                continue
            stub = graph.graph.initializer.add(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
            stub.data_location = onnx.TensorProto.EXTERNAL
            # the runtime maps whole pages
            offset = -(-stream.tell() // 65536) * 65536
            stream.seek(offset)
            length = stream.write(tensor.raw_data)
            for key, value in (("location", weights.name), ("offset", offset), ("length", length)):
                stub.external_data.add(key=key, value=str(value))
    return graph


def _extremes(proto: onnx.ModelProto, tensors: Sequence[str], feeds: Iterable[Feeds]) -> dict[str, Range]:
    """Measure minimum and maximum inside the graph, so that no tensor leaves it."""
    graph = with_outputs(proto, ())
    names = []
    for index, tensor in enumerate(tensors):
        for op_type, prefix in (("ReduceMin", _LOW), ("ReduceMax", _HIGH)):
            name = f"{prefix}.{index}"
            graph.graph.node.append(onnx.helper.make_node(op_type, [tensor], [name], name, keepdims=0))
            graph.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, []))
            names.append(name)
    session = open_session(graph)
    low, high = np.zeros(len(tensors)), np.zeros(len(tensors))
    for feed in feeds:
        values = np.array([np.asarray(value, np.float64) for value in session.run(names, dict(feed))]).reshape(-1, 2)
        if not np.isfinite(values).all():
            tensor = tensors[int(np.argmin(np.isfinite(values).all(axis=1)))]
            raise ModelError(f"{tensor}: is not finite for a calibration sample: check model and samples")
        low, high = np.minimum(low, values[:, 0]), np.maximum(high, values[:, 1])
    return {name: (float(low[index]), float(high[index])) for index, name in enumerate(tensors)}


def with_outputs(proto: onnx.ModelProto, tensors: Sequence[str]) -> onnx.ModelProto:
    """Return a copy of a graph that gives these values too."""
    graph = onnx.ModelProto()
    graph.CopyFrom(proto)
    present = {value.name for value in graph.graph.output}
    for tensor in tensors:
        if tensor not in present:
            graph.graph.output.append(onnx.ValueInfoProto(name=tensor))
    return graph
