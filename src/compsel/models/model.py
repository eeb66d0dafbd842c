"""A model: an ONNX graph with its preprocessing, read from and written to a file."""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import onnx
from google.protobuf.message import EncodeError

from compsel.errors import ModelError
from compsel.inputs.modalities import preprocessing_from_json
from compsel.inputs.preprocessing import METADATA_KEY, Preprocessing
from compsel.inputs.tensor_specs import TensorSpec
from compsel.models.exported_outputs import ExportedOutput
from compsel.models.external_data import move_weights_out, weights_bytes
from compsel.models.protobuf_streaming import pieces, set_field, tensor_pieces
from compsel.models.signature import ModelSignature
from compsel.storage.files import atomic_file, copy_file
from compsel.storage.strict_json import parse_json

if TYPE_CHECKING:
    from compsel.inputs.images.preprocessing import ImagePreprocessing

__all__ = ["Model", "defaults_of"]

# protobuf cannot serialise more than 2 GiB: larger weights go to a file beside the graph
_EXTERNAL_FROM_BYTES = 1_900_000_000
_TECHNIQUE_KEY = "compsel.technique"
_LABELS_KEY = "compsel.labels"


@dataclass(frozen=True)
class Model:
    """An ONNX graph with its preprocessing.

    A model is a value: techniques make new ones and leave the old as it is. `proto` must not be changed in place;
    take `copy_proto()` for that.

    Attributes:
        name: the first part of the names of its variants.
        proto: the graph, weights inside (external data has been read).
        preprocessing: how an input becomes its tensors; None for models that take tensors.
        technique: name of the technique that made it, "none" for an uncompressed model.
        labels: names of the classes, in the order of the outputs; () where they are not known.
        notes: what was understood when it was read, and from where, a sentence each; not stored.
        exported_outputs: the outputs of its file, where these are others; not stored.
        signature: what its file shows of itself; None where it comes from none; not stored.
        searched: whether its preprocessing was found out with samples, and stands in no file yet; not stored.

    >>> from compsel.networks import build
    >>> model = build("mobilenet-v1", width=0.25, resolution=32)
    >>> model.inputs
    (TensorSpec(name='input', dtype='float32', shape=(None, 3, 32, 32)),)
    >>> model.preprocessing.resolution
    (32, 32)
    """

    name: str
    proto: onnx.ModelProto = field(repr=False)
    preprocessing: Preprocessing | None = None
    technique: str = "none"
    labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False, repr=False)
    exported_outputs: tuple[ExportedOutput, ...] = field(default=(), compare=False, repr=False)
    signature: ModelSignature | None = field(default=None, compare=False, repr=False)
    searched: bool = field(default=False, compare=False, repr=False)

    @classmethod
    # many parameters: what a file may lack, each rarely given
    def load(
        cls,
        path: str | os.PathLike[str],
        name: str | None = None,
        *,
        preprocess: "ImagePreprocessing | str | None" = None,
        classes: Sequence[str] | str | os.PathLike[str] | None = None,
        tokenizer: str | os.PathLike[str] | None = None,
    ) -> "Model":
        """Read an ONNX file, its external data, and what it or files beside it say of inputs and classes.

        Args:
            path: of the ONNX file.
            name: of the model; None: that of the file.
            preprocess: what becomes of pictures, itself or as `parse_preprocess` reads it
                (`compsel.inputs.images.preprocess_option`); None or "auto": what the metadata or a file beside the
                model says (`compsel.models.beside`), else unknown.
            classes: names of the classes in the order of the outputs, or a file with one a line; None: what the
                metadata or a file beside the model says.
            tokenizer: a `tokenizer.json`, for a model that takes tokens (one that takes strings needs none); None: what
                the metadata names, else `<stem>.tokenizer.json` or `tokenizer.json` beside the model.

        Raises:
            ModelError: no such file, not an ONNX model, a truncated one, missing external data, no tokenizer.
            UsageError: a `preprocess` that is no such text, or does not fit the model's input.
            SamplesError: `classes` that cannot be read.
        """
        from compsel.models.loading import load_model  # it makes models

        return load_model(Path(path), name, preprocess, classes, tokenizer)

    @classmethod
    def from_proto(cls, proto: onnx.ModelProto, name: str) -> "Model":
        """Wrap a graph that is in memory; preprocessing and technique are read from its metadata."""
        metadata = {entry.key: entry.value for entry in proto.metadata_props}
        text = metadata.get(METADATA_KEY)
        return cls(
            name=name,
            proto=proto,
            preprocessing=preprocessing_from_json(text) if text else None,
            technique=metadata.get(_TECHNIQUE_KEY, "none"),
            labels=_read_labels(metadata.get(_LABELS_KEY, "[]")),
        )

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """Inputs that must be fed (initializers with a default value are not among them)."""
        defaults = {initializer.name for initializer in self.proto.graph.initializer}
        return tuple(_spec(value) for value in self.proto.graph.input if value.name not in defaults)

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """Outputs of the graph."""
        return tuple(_spec(value) for value in self.proto.graph.output)

    @property
    def opset(self) -> int:
        """Version of the standard operator set."""
        return max((entry.version for entry in self.proto.opset_import if entry.domain in ("", "ai.onnx")), default=0)

    def copy_proto(self) -> onnx.ModelProto:
        """Return a copy of the graph that may be changed."""
        copy = onnx.ModelProto()
        copy.CopyFrom(self.proto)
        return copy

    def with_proto(self, proto: onnx.ModelProto, technique: str | None = None) -> "Model":
        """Return this model with another graph, and the name of the technique that made it."""
        return replace(self, proto=proto, technique=technique or self.technique)

    def to_proto(self) -> onnx.ModelProto:
        """Return the graph as it is saved: with the preprocessing and the technique in its metadata."""
        proto = self._without_graph()
        proto.graph.CopyFrom(self.proto.graph)
        return proto

    def with_weights_in(self, folder: Path) -> tuple[onnx.ModelProto, str | None]:
        """Return the graph as it is saved with its large weights in a file of `folder`, and the name of that file."""
        return move_weights_out(self._without_graph(), self.proto.graph, folder)

    def _without_graph(self) -> onnx.ModelProto:
        """Return all but the graph, with the metadata that is saved."""
        proto = onnx.ModelProto()
        for part, value in self.proto.ListFields():
            if part.name != "graph":
                set_field(proto, part.name, value)
        metadata = {entry.key: entry.value for entry in proto.metadata_props}
        metadata[_TECHNIQUE_KEY] = self.technique
        metadata.pop(METADATA_KEY, None)
        if self.preprocessing is not None:
            metadata[METADATA_KEY] = self.preprocessing.to_json()
        metadata.pop(_LABELS_KEY, None)
        if self.labels:
            metadata[_LABELS_KEY] = json.dumps(self.labels)
        del proto.metadata_props[:]
        for key in sorted(metadata):
            proto.metadata_props.add(key=key, value=metadata[key])
        return proto

    def serialize(self) -> bytes:
        """Return the bytes of the ONNX file; the same model gives the same bytes.

        Raises:
            ModelError: over 2 GiB; `save` keeps such weights in a file beside the graph.
        """
        with self._size_checked():
            return b"".join(pieces(self._without_graph(), self.proto.graph))

    def save(self, path: str | os.PathLike[str], *, external_from_bytes: int = _EXTERNAL_FROM_BYTES) -> Path:
        """Write the ONNX file, whole or not at all; a tokenizer goes beside it, as `<stem>.tokenizer.json`.

        Args:
            path: of the file.
            external_from_bytes: weights of this size or more go to a file beside it, named after its content: a graph
                that is there already keeps its own weights until it is replaced.

        Raises:
            ModelError: a graph over 2 GiB without its weights.
            StorageError: a full disk, no permission.
        """
        path = Path(path)
        with atomic_file(path) as temporary, self._size_checked():
            if weights_bytes(self.proto) >= external_from_bytes:
                parts = pieces(self.with_weights_in(path.parent)[0])
            else:
                parts = pieces(self._without_graph(), self.proto.graph)
            with temporary.open("wb") as stream:
                stream.writelines(parts)
        for file in self.preprocessing.files if self.preprocessing is not None else ():
            copy_file(file, path.with_name(f"{path.stem}.tokenizer.json"))
        return path

    @contextlib.contextmanager
    def _size_checked(self) -> Iterator[None]:
        try:
            yield
        except (EncodeError, ValueError) as error:
            raise ModelError(f"model {self.name!r} is over 2 GiB: save it to a file instead") from error

    def fingerprint(self) -> str:
        """Return the SHA-256 of graph, weights and preprocessing."""
        digest = hashlib.sha256()
        for initializer in self.proto.graph.initializer:
            for piece in tensor_pieces(initializer):
                digest.update(piece)
        for piece in pieces(self._without_graph(), self.proto.graph, initializers=False):
            digest.update(piece)
        return digest.hexdigest()

    def graphs(self) -> Iterator[onnx.GraphProto]:
        """Walk over the main graph and every sub-graph in it (If, Loop, Scan)."""
        pending = [self.proto.graph]
        while pending:
            graph = pending.pop()
            yield graph
            for node in graph.node:
                for attribute in node.attribute:
                    if attribute.type == onnx.AttributeProto.GRAPH:
                        pending.append(attribute.g)
                    pending.extend(attribute.graphs)


def _read_labels(text: str) -> tuple[str, ...]:
    try:
        labels = parse_json(text)
    except ValueError as error:
        raise ModelError(f"labels in the model's metadata cannot be read: {error}") from error
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise ModelError("labels in the model's metadata: allowed is a JSON list of texts")
    return tuple(labels)


def defaults_of(graph: onnx.GraphProto) -> tuple[TensorSpec, ...]:
    """Return the inputs of a graph that may be fed, and have a value where they are not."""
    initialised = {initializer.name for initializer in graph.initializer}
    return tuple(_spec(value) for value in graph.input if value.name in initialised)


def _spec(value: onnx.ValueInfoProto) -> TensorSpec:
    if not value.type.HasField("tensor_type"):
        return TensorSpec(value.name, "other", None)
    tensor = value.type.tensor_type
    if tensor.elem_type == onnx.TensorProto.STRING:
        dtype = "string"
    else:
        try:
            dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type).name
        except KeyError as error:
            raise ModelError(f"{value.name}: has no element type: the model is damaged") from error
    if not tensor.HasField("shape"):
        return TensorSpec(value.name, dtype, None)
    # some exporters write -1 where any length is allowed
    shape = tuple(
        axis.dim_value if axis.HasField("dim_value") and axis.dim_value >= 0 else None for axis in tensor.shape.dim
    )
    return TensorSpec(value.name, dtype, shape)
