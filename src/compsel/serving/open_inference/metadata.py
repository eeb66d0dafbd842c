"""What the protocol tells about the server and its model."""

from typing import Any

import compsel
from compsel.inputs.image import IMAGE
from compsel.inputs.tensor_specs import TensorSpec
from compsel.inputs.text import TEXT
from compsel.runtime import Runtime
from compsel.serving.open_inference.datatypes import datatype_of

__all__ = ["model_metadata", "server_metadata"]


def server_metadata() -> dict[str, Any]:
    """Return what this server is.

    >>> server_metadata()["extensions"]
    ['binary_tensor_data']
    """
    return {"name": "compsel", "version": compsel.__version__, "extensions": ["binary_tensor_data"]}


def model_metadata(runtime: Runtime, name: str) -> dict[str, Any]:
    """Return inputs and outputs: of a bundle for images or texts the file or the text, one element of BYTES."""
    tensors = [_tensor(spec) for spec in runtime.get_inputs()]
    inputs = tensors
    if runtime.modality in (IMAGE, TEXT):
        inputs = [{"name": runtime.modality.name, "datatype": "BYTES", "shape": [1]}]
    return {
        "name": name,
        "versions": [],
        "platform": "compsel_bundle",
        "inputs": inputs,
        "outputs": [_tensor(spec) for spec in runtime.answer_outputs],
        # beside the protocol: what is taken instead of `inputs`
        "tensor_inputs": tensors,
    }


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    shape = [-1 if length is None else length for length in spec.shape or (None,)]
    return {"name": spec.name, "datatype": datatype_of(spec.dtype), "shape": shape}
