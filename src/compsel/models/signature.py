"""What the file of a model says of itself: inputs and outputs as ONNX Runtime shows them, and its metadata."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, field
from typing import TYPE_CHECKING, Any, Self

from compsel.inputs.tensor_specs import TensorSpec
from compsel.values import dataclass

if TYPE_CHECKING:
    import onnx  # the runtime does not need it

__all__ = ["ELEMENT_TYPES", "ModelMetadata", "ModelSignature", "NodeArg", "signature_of"]

Axis = int | str | None

# ONNX Runtime's names of the element types, by their numbers in onnx.proto
# fmt: off
ELEMENT_TYPES = (
    "undefined", "float", "uint8", "int8", "uint16", "int16", "int32", "int64", "string", "bool", "float16", "double",
    "uint32", "uint64", "complex64", "complex128", "bfloat16", "float8e4m3fn", "float8e4m3fnuz", "float8e5m2",
    "float8e5m2fnuz", "uint4", "int4", "float4e2m1",
)
# fmt: on
# what ONNX Runtime shows where a file says no version
_NO_VERSION = (1 << 63) - 1
_LEAST_IR_TO_OVERRIDE = 4


@dataclass(frozen=True, slots=True)
class NodeArg:
    """An input or an output of a model, as `onnxruntime.NodeArg` shows it.

    Attributes:
        name: in the file.
        type: as ONNX Runtime writes it, for example "tensor(float)" or "seq(map(int64,tensor(float)))".
        axes: of a tensor: a length, the name of an open one, or None; () also where the rank is open.

    >>> NodeArg("x", "tensor(float)", ("batch", 3))
    NodeArg(name='x', type='tensor(float)', shape=['batch', 3])
    """

    name: str
    type: str
    axes: tuple[Axis, ...] = ()

    @property
    def shape(self) -> list[Axis]:
        """The axes, as ONNX Runtime gives them."""
        return list(self.axes)

    def __repr__(self) -> str:
        return f"NodeArg(name={self.name!r}, type={self.type!r}, shape={self.shape})"

    @classmethod
    def of_spec(cls, spec: TensorSpec) -> Self:
        """Return what a specification tells; the names of open axes are lost there."""
        return cls(spec.name, spec.type.replace("8_", "8").replace("4_", "4"), spec.shape or ())

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Read the JSON form.

        Raises:
            ValueError, LookupError, TypeError: content that is none.
        """
        name, kind, axes = content["name"], content["type"], content["axes"]
        if not (isinstance(name, str) and isinstance(kind, str) and isinstance(axes, (list, tuple))):
            raise TypeError(f"argument {name!r}: got type {kind!r}, axes {axes!r}, allowed are a text and a list")
        if not all(axis is None or type(axis) in (int, str) for axis in axes):
            raise TypeError(f"argument {name!r}: got axes {axes!r}, allowed are lengths, names, and null")
        return cls(name, kind, tuple(axes))


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    """What a file says of its origin, as `onnxruntime.ModelMetadata` shows it.

    Attributes:
        producer_name: what made it.
        graph_name: name of the graph.
        domain: of whoever made it.
        description: of the model.
        graph_description: of the graph.
        version: of the model; 2^63 - 1 where the file says none.
        custom_metadata_map: further texts by key.

    >>> ModelMetadata(producer_name="pytorch").producer_name
    'pytorch'
    """

    producer_name: str = ""
    graph_name: str = ""
    domain: str = ""
    description: str = ""
    graph_description: str = ""
    version: int = _NO_VERSION
    custom_metadata_map: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Read the JSON form.

        Raises:
            ValueError, LookupError, TypeError: content that is none.
        """
        custom = content.get("custom_metadata_map", {})
        texts = [value for key, value in content.items() if key not in ("version", "custom_metadata_map")]
        if not all(isinstance(text, str) for text in (*texts, *custom.values())) or type(content["version"]) is not int:
            raise TypeError("metadata: allowed are texts, and a whole number as version")
        return cls(**{**content, "custom_metadata_map": dict(custom)})


@dataclass(frozen=True, slots=True)
class ModelSignature:
    """The file of a model, seen from outside.

    Attributes:
        inputs: that must be fed.
        outputs: in the order of the file.
        overridable: inputs that have a value where they are not fed.
        metadata: of the file; None where it is not known.

    >>> spec = TensorSpec("x", "float32", (None, 2))
    >>> signature = ModelSignature.of_specs([spec], [spec])
    >>> ModelSignature.from_dict(signature.to_dict()) == signature
    True
    """

    inputs: tuple[NodeArg, ...]
    outputs: tuple[NodeArg, ...]
    overridable: tuple[NodeArg, ...] = ()
    metadata: ModelMetadata | None = None

    @classmethod
    def of_specs(
        cls, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], defaults: Sequence[TensorSpec] = ()
    ) -> Self:
        """Return what specifications tell: of a bundle that was built before its model's own was kept."""
        shown = [tuple(map(NodeArg.of_spec, specs)) for specs in (inputs, outputs, defaults)]
        return cls(shown[0], shown[1], shown[2])

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        arguments = {key: [asdict(one) for one in getattr(self, key)] for key in ("inputs", "outputs", "overridable")}
        return {**arguments, "metadata": None if self.metadata is None else asdict(self.metadata)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Read the JSON form.

        Raises:
            ValueError, LookupError, TypeError: content that is none.
        """
        inputs, outputs, overridable = (
            tuple(map(NodeArg.from_dict, content[key])) for key in ("inputs", "outputs", "overridable")
        )
        metadata = content["metadata"]
        return cls(inputs, outputs, overridable, None if metadata is None else ModelMetadata.from_dict(metadata))


def signature_of(proto: "onnx.ModelProto") -> ModelSignature:
    """Return what a file shows of itself, as a session of it would."""
    graph = proto.graph
    initialised = {initializer.name for initializer in graph.initializer}
    initialised |= {initializer.values.name for initializer in graph.sparse_initializer}
    overridable = [value for value in graph.input if value.name in initialised]
    metadata = ModelMetadata(
        proto.producer_name,
        graph.name,
        proto.domain,
        proto.doc_string,
        graph.doc_string,
        proto.model_version if proto.HasField("model_version") else _NO_VERSION,
        {entry.key: entry.value for entry in proto.metadata_props},
    )
    return ModelSignature(
        tuple(_argument(value) for value in graph.input if value.name not in initialised),
        tuple(map(_argument, graph.output)),
        tuple(map(_argument, overridable)) if proto.ir_version >= _LEAST_IR_TO_OVERRIDE else (),
        metadata,
    )


def _argument(value: "onnx.ValueInfoProto") -> NodeArg:
    kind = value.type
    if kind.HasField("optional_type"):
        kind = kind.optional_type.elem_type
    axes: tuple[Axis, ...] = ()
    for key in ("tensor_type", "sparse_tensor_type"):
        if kind.HasField(key):
            axes = tuple(map(_axis, getattr(kind, key).shape.dim))
    return NodeArg(value.name, _type(value.type), axes)


def _axis(axis: "onnx.TensorShapeProto.Dimension") -> Axis:
    return axis.dim_value if axis.HasField("dim_value") else axis.dim_param or None


def _type(kind: "onnx.TypeProto") -> str:
    if kind.HasField("sequence_type"):
        return f"seq({_type(kind.sequence_type.elem_type)})"
    if kind.HasField("map_type"):
        return f"map({ELEMENT_TYPES[kind.map_type.key_type]},{_type(kind.map_type.value_type)})"
    if kind.HasField("optional_type"):
        return f"optional({_type(kind.optional_type.elem_type)})"
    sparse = kind.HasField("sparse_tensor_type")
    number = (kind.sparse_tensor_type if sparse else kind.tensor_type).elem_type
    element = ELEMENT_TYPES[number] if number < len(ELEMENT_TYPES) else "undefined"
    return f"{'sparse_' if sparse else ''}tensor({element})"
