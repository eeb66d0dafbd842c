"""Features of samples from tensors inside a graph, pooled to one vector a sample; those of all blocks in one pass."""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from compsel.device.cgroup import usable_cores
from compsel.errors import NotApplicableError
from compsel.inputs.feeds import feeds_of
from compsel.inputs.samples import Samples
from compsel.inputs.text import mask_input
from compsel.models.editable_graph import EditableGraph
from compsel.models.editing import edit_graph, remove_unused
from compsel.models.graph_session import open_session
from compsel.models.model import Model
from compsel.models.shapes import infer_types
from compsel.techniques.heads.folds import sample_hashes

__all__ = ["cut_to", "pooled_features"]

_BATCH = 64
_WAITING = 4096  # samples whose feeds are sorted by shape at once
_KEPT_MODELS = 2
_TOKENS, _PIXELS, _FEATURES = 3, 4, 2

# by model and tensors: rows by hash of the sample
_LOCK = threading.Lock()
_CACHE: OrderedDict[tuple[str, tuple[str, ...]], dict[int, tuple[NDArray[np.float32], ...]]] = OrderedDict()


def cut_to(model: Model, tensor: str) -> tuple[EditableGraph, str]:
    """Return the graph up to a tensor, pooled to (n, features), and the name of what comes out.

    Tokens (n, tokens, features) are averaged under the mask that the graph takes, if any; maps (n, channels, height,
    width) over all places; vectors stay.

    Raises:
        NotApplicableError: a tensor of another shape.
    """
    editable = edit_graph(model)
    pooled = _add_pooling(editable, model, tensor)
    _keep_only(editable, [pooled])
    return editable, pooled


def pooled_features(model: Model, tensors: Sequence[str], samples: Samples) -> list[NDArray[np.float32]]:
    """Return the pooled values of each of `tensors` for all samples: float32 (n, features) each.

    Those of the last models are remembered by the samples' content, so that a fit on a part of them costs no inference.

    Raises:
        NotApplicableError: a tensor that cannot be pooled.
        ModelError: the graph does not run.
        InputError: samples that the model does not take.
    """
    key = (model.fingerprint(), tuple(tensors))
    with _LOCK:
        rows = _CACHE.setdefault(key, {})
        _CACHE.move_to_end(key)
        while len(_CACHE) > _KEPT_MODELS:
            _CACHE.popitem(last=False)
    hashes = sample_hashes(samples).tolist()
    missing = {value: index for index, value in enumerate(hashes) if value not in rows}
    if missing:
        indices = sorted(missing.values())
        found = _run(model, tensors, samples.subset(indices))
        rows.update((hashes[index], row) for index, row in zip(indices, found, strict=True))
    return [np.stack([rows[value][place] for value in hashes]) for place in range(len(tensors))]


def _run(model: Model, tensors: Sequence[str], samples: Samples) -> list[tuple[NDArray[np.float32], ...]]:
    editable = edit_graph(model)
    outputs = [_add_pooling(editable, model, tensor) for tensor in tensors]
    _keep_only(editable, outputs)
    session = open_session(editable, threads=usable_cores())
    batch = _BATCH if all(spec.shape is None or spec.shape[:1] == (None,) for spec in model.inputs) else 1
    wanted = {value.name for value in session.get_inputs()}
    found: list[tuple[NDArray[np.float32], ...]] = [()] * len(samples)
    for indices, feeds in _batches(model, samples, batch):
        values = session.run(outputs, {name: feed for name, feed in feeds.items() if name in wanted})
        for place, index in enumerate(indices):
            found[index] = tuple(np.asarray(value[place], np.float32) for value in values)
    return found


def _batches(model: Model, samples: Samples, size: int) -> Iterator[tuple[list[int], dict[str, np.ndarray]]]:
    """Give samples of the same shape together, at most `size`: nothing is padded, so that no batch changes a value."""
    for start in range(0, len(samples), _WAITING):
        by_shape: dict[tuple[tuple[int, ...], ...], list[tuple[int, Mapping[str, np.ndarray]]]] = {}
        for index in range(start, min(start + _WAITING, len(samples))):
            feeds = feeds_of(model, samples.value(index))
            alike = by_shape.setdefault(tuple(feed.shape for feed in feeds.values()), [])
            alike.append((index, feeds))
            if len(alike) == size:
                yield _joined(alike)
                alike.clear()
        yield from (_joined(alike) for alike in by_shape.values() if alike)


def _joined(alike: list[tuple[int, Mapping[str, np.ndarray]]]) -> tuple[list[int], dict[str, np.ndarray]]:
    names = alike[0][1]
    return [index for index, _ in alike], {
        name: np.concatenate([feeds[name] for _, feeds in alike]) if len(alike) > 1 else alike[0][1][name]
        for name in names
    }


def _keep_only(editable: EditableGraph, outputs: Sequence[str]) -> None:
    """Make these the outputs of a graph, and remove what they do not need."""
    del editable.graph.output[:]
    editable.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", None]) for name in outputs
    )
    remove_unused(editable.graph)


def _add_pooling(editable: EditableGraph, model: Model, tensor: str) -> str:
    """Add the pooling of a tensor to a graph; return the name of what comes out."""
    rank = _rank(editable, tensor)
    graph, name = editable.graph, f"{tensor}.pooled"
    if rank == _FEATURES:
        graph.node.append(helper.make_node("Identity", [tensor], [name], name))
    elif rank == _PIXELS:
        graph.node.append(helper.make_node("GlobalAveragePool", [tensor], [f"{name}.map"], f"{name}.map"))
        graph.node.append(helper.make_node("Flatten", [f"{name}.map"], [name], name))
    elif rank == _TOKENS:
        _mean_of_tokens(graph, mask_input(model.inputs), tensor, name)
    else:
        raise NotApplicableError(
            f"{model.name!r}: {tensor!r} has {rank or 'an unknown number of'} axes, allowed are (n, features), "
            "(n, tokens, features) and (n, channels, height, width)"
        )
    return name


def _mean_of_tokens(graph: onnx.GraphProto, mask: str | None, tensor: str, name: str) -> None:
    if mask is None:
        graph.node.append(helper.make_node("ReduceMean", [tensor], [name], name, axes=[1], keepdims=0))
        return
    axis = f"{name}.axis"
    graph.initializer.append(numpy_helper.from_array(np.array([1], np.int64), axis))
    for kind, inputs, output, attributes in (
        ("Cast", [mask], "mask", {"to": TensorProto.FLOAT}),
        ("Unsqueeze", [f"{name}.mask", axis], "row", {}),
        ("MatMul", [f"{name}.row", tensor], "sums", {}),
        ("Squeeze", [f"{name}.sums", axis], "sum", {}),
        ("ReduceSum", [f"{name}.mask", axis], "count", {"keepdims": 1}),
    ):
        graph.node.append(helper.make_node(kind, inputs, [f"{name}.{output}"], f"{name}.{output}", **attributes))
    graph.node.append(helper.make_node("Div", [f"{name}.sum", f"{name}.count"], [name], name))


def _rank(editable: EditableGraph, tensor: str) -> int | None:
    value = infer_types(editable).get(tensor)
    if value is None or not value.type.tensor_type.HasField("shape"):
        return None
    return len(value.type.tensor_type.shape.dim)
