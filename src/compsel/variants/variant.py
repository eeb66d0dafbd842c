"""A variant on disk: its files, and their description as it is stored in profiles and bundles."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from compsel.inputs.modalities import preprocessing_from_dict
from compsel.inputs.preprocessing import Preprocessing
from compsel.inputs.tensor_specs import TensorSpec
from compsel.models.exported_outputs import ExportedOutput
from compsel.models.signature import ModelSignature
from compsel.values import dataclass

__all__ = ["OutputKind", "Value", "Variant"]

# an input as an app gives it: an image, a text, or named tensors
Value = np.ndarray | str | Mapping[str, np.ndarray]
OutputKind = Literal["logits", "probabilities", "logit", "probability", "other"]


@dataclass(frozen=True)
class Variant:
    """What a technique made of a model: files in a folder, and what is known about them.

    Attributes:
        name: "<model>/<technique>", unique in its bundle or profile.
        model: name of the model that it was made of.
        technique: what made it; "none" for the model itself.
        tensor_file: the graph that takes the model's own tensors, relative to the folder.
        pixels_file: the same with the normalisation folded in, takes uint8 pixels; None for tensor models.
        weights_file: the weights that both graphs share; None when they are inside.
        sha256: of graph and weights, the identity of the variant in measured tables.
        size_bytes: of the files that one graph needs.
        inputs, outputs: of the tensor graph.
        preprocessing: how an input becomes the tensors; None for tensor models.
        output: what the first output is: class scores as "logits" or "probabilities", those of two classes by
            one number as "logit" or "probability" of the second, or something "other".
        pixel_channels: of the pixels that `pixels_file` takes: 3, or 4 where the last one counts for nothing.
        labels: names of the classes, in the order of the outputs; () where they are not known.
        exported_outputs: the outputs of the model's file, where these are others.
        defaults: inputs that may be fed, and have a value where they are not.
        signature: what the model's file shows of itself; None where that was not kept yet.
        gives_nan: whether the model itself gave NaN for one of the samples: then it is no fault of a processor.
        independent_rows: whether a batch may be answered row by row; proven (`compsel.models.row_independence`).

    >>> spec = TensorSpec("x", "float32", (1, 2))
    >>> variant = Variant("a/none", "a", "none", "a.onnx", None, None, "0", 9, (spec,), (spec,), None, "logits")
    >>> variant.files, Variant.from_dict(variant.to_dict()) == variant
    (('a.onnx',), True)
    """

    name: str
    model: str
    technique: str
    tensor_file: str
    pixels_file: str | None
    weights_file: str | None
    sha256: str
    size_bytes: int
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    preprocessing: Preprocessing | None
    output: OutputKind
    pixel_channels: int = 3
    labels: tuple[str, ...] = ()
    independent_rows: bool = False
    exported_outputs: tuple[ExportedOutput, ...] = ()
    defaults: tuple[TensorSpec, ...] = ()
    gives_nan: bool = False
    signature: ModelSignature | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """Every file of the variant: graphs, weights, and what its preprocessing needs."""
        beside = () if self.preprocessing is None else self.preprocessing.file_names
        graphs = (self.tensor_file, self.pixels_file, self.weights_file)
        return (*(name for name in graphs if name is not None), *beside)

    def named_from(self, folder: str) -> "Variant":
        """Return this variant with its files named as seen from above `folder`, where they lie."""
        files = (self.pixels_file, self.weights_file)
        pixels, weights = (None if name is None else f"{folder}/{name}" for name in files)
        return replace(self, tensor_file=f"{folder}/{self.tensor_file}", pixels_file=pixels, weights_file=weights)

    def opened(self, folder: Path) -> "Variant":
        """Return this variant with the files found that its preprocessing needs.

        Raises:
            ModelError: one that is not there, or has changed.
        """
        if self.preprocessing is None or not self.preprocessing.file_names:
            return self
        return replace(self, preprocessing=self.preprocessing.opened(folder))

    @property
    def graph_file(self) -> str:
        """The graph that takes inputs as an app holds them: pixels for an image model, else the model's tensors."""
        return self.pixels_file or self.tensor_file

    def opened_file(self, *, tensors: bool) -> str:
        """Return the graph for inputs as an app holds them, or for the model's own tensors."""
        return self.tensor_file if tensors else self.graph_file

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        content = asdict(replace(self, preprocessing=None))
        if self.preprocessing is not None:
            content["preprocessing"] = self.preprocessing.to_dict()
        if not self.labels:
            del content["labels"]  # readers of the version before know no labels
        for key in ("independent_rows", "gives_nan", "exported_outputs", "defaults", "signature"):
            if not content[key]:
                del content[key]
        return content

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Variant":
        """Read the JSON form.

        Raises:
            ValueError, LookupError, TypeError: content that is no description of a variant.
        """
        fields = dict(content)
        for key in ("inputs", "outputs", "defaults"):
            fields[key] = tuple(map(TensorSpec.from_dict, content.get(key, ())))
        fields["exported_outputs"] = tuple(map(ExportedOutput.from_dict, content.get("exported_outputs", ())))
        fields["labels"] = tuple(content.get("labels", ()))
        if content.get("signature") is not None:
            fields["signature"] = ModelSignature.from_dict(content["signature"])
        if content["preprocessing"] is not None:
            fields["preprocessing"] = preprocessing_from_dict(content["preprocessing"])
        variant = cls(**fields)
        variant._check()
        return variant

    def _check(self) -> None:
        texts = (self.name, self.model, self.technique, self.tensor_file, self.sha256, *self.labels)
        perhaps = (self.pixels_file, self.weights_file)
        if not all(isinstance(text, str) for text in (*texts, *(one for one in perhaps if one is not None))):
            raise TypeError(f"variant {self.name!r}: names, files and labels are texts")
        if not (self.name and self.tensor_file and self.outputs):
            raise ValueError(f"variant {self.name!r}: has no name, no graph, or no outputs")
        if self.output not in get_args(OutputKind):
            raise ValueError(f"variant {self.name}: got output {self.output!r}, allowed are {get_args(OutputKind)}")
        if self.pixel_channels not in (3, 4):
            raise ValueError(f"variant {self.name}: got {self.pixel_channels!r} channels, allowed are 3 and 4")
        if not all(type(one) is bool for one in (self.independent_rows, self.gives_nan)):
            raise TypeError(f"variant {self.name}: independent_rows and gives_nan are true or false")
        if type(self.size_bytes) is not int or self.size_bytes < 0:
            raise ValueError(f"variant {self.name}: got size_bytes {self.size_bytes!r}, allowed is a number from 0")
