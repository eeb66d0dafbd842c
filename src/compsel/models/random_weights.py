"""Models whose weights are random: they say so in their metadata, for their answers mean nothing."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

__all__ = ["has_random_weights", "mark_random_weights", "random_weights_warning"]

_KEY, _RANDOM = "compsel.weights", "random"


def mark_random_weights(proto: "onnx.ModelProto") -> None:
    """Note in the metadata of a graph that its weights are random."""
    proto.metadata_props.add(key=_KEY, value=_RANDOM)


def has_random_weights(proto: "onnx.ModelProto") -> bool:
    """Whether the metadata of a graph says that its weights are random.

    >>> from compsel.networks import build
    >>> has_random_weights(build("mobilenet-v1", width=0.25, resolution=32).proto)
    True
    """
    return any((entry.key, entry.value) == (_KEY, _RANDOM) for entry in proto.metadata_props)


def random_weights_warning(name: str) -> str:
    """Return the line that is said of such a model.

    >>> random_weights_warning("lite0")
    'warning: lite0: its weights are random, its answers mean nothing'
    """
    return f"warning: {name}: its weights are random, its answers mean nothing"
