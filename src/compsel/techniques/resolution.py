"""A smaller image for the same network: fewer pixels, less work, all weights kept."""

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import onnx

from compsel.errors import NotApplicableError, TechniqueError, one_line
from compsel.inputs.image import image_preprocessing
from compsel.inputs.images.preprocessing import ImagePreprocessing
from compsel.inputs.samples import Samples
from compsel.inputs.synthetic_feeds import synthetic_feeds
from compsel.models.editable_graph import EditableGraph
from compsel.models.editing import edit_graph, set_attribute
from compsel.models.graph_queries import attribute, constants, is_standard
from compsel.models.graph_session import open_session
from compsel.models.layers import same_pads
from compsel.models.model import Model
from compsel.models.shapes import infer_types
from compsel.techniques.base import Technique
from compsel.techniques.preparation.padding import merge_pads

__all__ = ["Resolution"]

Axis = Any  # onnx.TensorShapeProto.Dimension
_WINDOWED = ("Conv", "MaxPool", "AveragePool")
_SMALLEST = 16
_STEP = 32  # networks halve the resolution five times: other sizes waste part of the border


@dataclass(frozen=True)
class Resolution(Technique):
    """Run an image network at another resolution (Howard et al. 2017, "MobileNets", section 3.4).

    The network must end its spatial part with a global pooling. Paddings that were computed for the old size
    ("SAME" exported as numbers) are computed again; the crop of the image stays the same.

    Attributes:
        height: in pixels.
        width: in pixels; 0 keeps the aspect ratio.

    >>> Resolution(160).spec
    'resolution:160'
    """

    name: ClassVar[str] = "resolution"

    height: int = field(default=192, metadata={"always": True})
    width: int = 0

    def __post_init__(self) -> None:
        if self.height < _SMALLEST or (self.width and self.width < _SMALLEST):
            raise TechniqueError(
                f"resolution: got height {self.height}, width {self.width}, allowed is {_SMALLEST} or more "
                "(width 0 keeps the aspect ratio)"
            )

    @classmethod
    def suggestions(cls, model: Model) -> tuple[Technique, ...]:
        """Return the next two resolutions below the model's, in steps of 32 pixels."""
        preprocessing = image_preprocessing(model)
        if preprocessing is None:
            return ()
        height = preprocessing.resolution[0]
        below = [size for size in range(_STEP, height, _STEP) if size >= height / 2]
        return tuple(cls(size) for size in reversed(below[-2:]))

    def check(self, model: Model) -> None:
        """Raise NotApplicableError for models without an image, and for the resolution that the model has."""
        preprocessing = _image_preprocessing(model)
        if self._target(preprocessing) == preprocessing.resolution:
            raise NotApplicableError(f"resolution: {model.name!r} has that resolution already")

    def _target(self, preprocessing: ImagePreprocessing) -> tuple[int, int]:
        height, width = preprocessing.resolution
        return self.height, self.width or max(1, round(self.height * width / height))

    def _transform(self, model: Model, calibration: Samples | None) -> Model:
        preprocessing = _image_preprocessing(model)
        if any(is_standard(node, "QuantizeLinear", "QLinearConv") for node in model.proto.graph.node):
            raise NotApplicableError(
                "resolution: the model is quantised, and its ranges belong to the old resolution: "
                "change the resolution first (resolution+int8-static)"
            )
        target = self._target(preprocessing)
        editable = merge_pads(edit_graph(model))
        proto = editable.proto
        axes = _spatial_axes(proto, preprocessing)
        fixed = [axis.HasField("dim_value") for axis in axes]
        _set(axes, preprocessing.resolution)
        _pool_globally(editable)
        same = _same_padded(editable)
        _set(axes, target)
        _forget_shapes(proto)
        _pad_again(editable, same)
        for axis, was_fixed in zip(axes, fixed, strict=True):
            if not was_fixed:
                axis.Clear()
        resized = replace(preprocessing, resolution=target)
        result = replace(model.with_proto(editable.materialise()), preprocessing=resized)
        _try(result)
        return result


def _spatial(values: dict[str, onnx.ValueInfoProto], name: str) -> tuple[int, int] | None:
    """Return height and width of a (batch, channel, height, width) value, None when they are not known."""
    if name not in values or not values[name].type.tensor_type.HasField("shape"):
        return None
    axes = values[name].type.tensor_type.shape.dim
    if len(axes) != 4 or not axes[2].dim_value or not axes[3].dim_value:
        return None
    return axes[2].dim_value, axes[3].dim_value


def _windows(node: onnx.NodeProto, weights: dict[str, onnx.TensorProto]) -> list[tuple[int, int]] | None:
    """Return (extent, stride) of a node's window on each spatial axis; None when it is not known."""
    kernel = attribute(node, "kernel_shape")
    if kernel is None and len(node.input) > 1 and node.input[1] in weights:
        kernel = list(weights[node.input[1]].dims[2:])
    if not isinstance(kernel, list) or len(kernel) != 2:
        return None
    strides, dilations = _list(node, "strides", [1, 1]), _list(node, "dilations", [1, 1])
    return [((size - 1) * step + 1, stride) for size, step, stride in zip(kernel, dilations, strides, strict=True)]


def _list(node: onnx.NodeProto, name: str, default: list[int]) -> list[int]:
    value = attribute(node, name, default)
    return value if isinstance(value, list) else default


def _same_upper_pads(size: tuple[int, int], windows: list[tuple[int, int]]) -> list[int]:
    """Return the SAME_UPPER pads (begins, ends): the odd pixel at the end."""
    begins, ends = same_pads(size, *zip(*windows, strict=True))
    return begins + ends


def _same_padded(editable: EditableGraph) -> list[str]:
    """Return the names of the nodes whose pads are the SAME_UPPER pads of the input that they have now.

    Where those are symmetric for every stride position (odd windows with stride 1), they are the same at any size;
    a strided window with symmetric pads that equal them by chance must not change, so a network counts as padded
    this way only when at least one of its windows has unequal pads.
    """
    types, weights = infer_types(editable), constants(editable.graph)
    names, unequal = [], False
    for node in editable.graph.node:
        if not is_standard(node, *_WINDOWED) or attribute(node, "auto_pad", b"NOTSET") != b"NOTSET":
            continue
        size, windows = _spatial(types, node.input[0]), _windows(node, weights)
        if size is None or windows is None:
            continue
        pads = _list(node, "pads", [0, 0, 0, 0])
        if pads == _same_upper_pads(size, windows):
            names.append(node.name)
            unequal |= pads[:2] != pads[2:]
    return names if unequal else []


def _image_preprocessing(model: Model) -> ImagePreprocessing:
    preprocessing = image_preprocessing(model)
    if preprocessing is None:
        raise NotApplicableError(f"resolution: {model.name!r} has no image preprocessing")
    return preprocessing


def _spatial_axes(proto: onnx.ModelProto, preprocessing: ImagePreprocessing) -> list[Axis]:
    axes = proto.graph.input[0].type.tensor_type.shape.dim
    if len(axes) != 4:
        raise NotApplicableError(f"resolution: the input has {len(axes)} axes, needed are 4")
    first = 2 if preprocessing.layout == "NCHW" else 1
    return list(axes[first : first + 2])


def _set(axes: list[Axis], size: tuple[int, int]) -> None:
    for axis, length in zip(axes, size, strict=True):
        axis.dim_value = length


def _forget_shapes(proto: onnx.ModelProto) -> None:
    """Drop the shapes of the old size; those of outputs without space stay, they do not change."""
    del proto.graph.value_info[:]
    for value in proto.graph.output:
        if len(value.type.tensor_type.shape.dim) == 4:
            for axis in value.type.tensor_type.shape.dim[2:]:
                axis.Clear()


def _pool_globally(editable: EditableGraph) -> None:
    """Turn an average over a window as large as its input into a global one, which fits any size."""
    types, weights = infer_types(editable), constants(editable.graph)
    for node in editable.graph.node:
        if is_standard(node, "AveragePool") and not any(_list(node, "pads", [0])):
            windows = _windows(node, weights)
            if windows and tuple(extent for extent, _ in windows) == _spatial(types, node.input[0]):
                node.op_type = "GlobalAveragePool"
                del node.attribute[:]


def _pad_again(editable: EditableGraph, same: list[str]) -> None:
    """Compute the SAME pads for the new size; shape inference with symbolic ones gives the size everywhere."""
    nodes = [node for node in editable.graph.node if node.name in same]
    for node in nodes:
        set_attribute(node, "pads", None)
        set_attribute(node, "auto_pad", "SAME_UPPER")
    types, weights = infer_types(editable), constants(editable.graph)
    for node in nodes:
        size, windows = _spatial(types, node.input[0]), _windows(node, weights)
        if size is None or windows is None:
            raise NotApplicableError(f"resolution: the size of the input of {node.name!r} is not known")
        set_attribute(node, "auto_pad", None)
        set_attribute(node, "pads", _same_upper_pads(size, windows))


def _try(model: Model) -> None:
    """Raise NotApplicableError unless the network runs at the new size."""
    preprocessing = _image_preprocessing(model)
    size = preprocessing.resolution
    reason = f"resolution: {model.name!r} does not run at {size[0]}x{size[1]} (does it end with a global pooling?)"
    try:
        feeds = synthetic_feeds(model.inputs, seed=0)
        feeds = {name: _at(value, preprocessing) for name, value in feeds.items()}
        open_session(model.proto).run(None, feeds)
    except Exception as error:  # ONNX Runtime's exceptions have no common base
        raise NotApplicableError(f"{reason}: {one_line(error)}") from error


def _at(value: np.ndarray, preprocessing: ImagePreprocessing) -> np.ndarray:
    height, width = preprocessing.resolution
    shape = (1, 3, height, width) if preprocessing.layout == "NCHW" else (1, height, width, 3)
    return np.resize(value, shape)
