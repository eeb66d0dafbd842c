"""Build a network by name: its graph, its weights or seeded ones, and its preprocessing.

To add a network: write a file that defines `NETWORKS`, name it in `_MODULES`, add its reference to
`benchmarks/check_networks.py` and its published size to the tests.
"""

from collections.abc import Mapping
from typing import Unpack

from compsel.errors import ModelError, did_you_mean
from compsel.models.model import Model
from compsel.networks import (
    bert,
    efficientnet_lite,
    inception_v1,
    inception_v2,
    inception_v3,
    inception_v4,
    mobilenet,
    resnet,
    vgg,
)
from compsel.networks.network import Network, NetworkOptions, Weights

__all__ = ["NETWORKS", "build", "names"]

_MODULES = (vgg, inception_v1, inception_v2, inception_v3, inception_v4, resnet, mobilenet, efficientnet_lite, bert)
NETWORKS: Mapping[str, Network] = {network.name: network for module in _MODULES for network in module.NETWORKS}


def names() -> tuple[str, ...]:
    """Return the names of all networks.

    >>> "efficientnet-lite0" in names()
    True
    """
    return tuple(NETWORKS)


def build(name: str, weights: Weights | None = None, *, seed: int = 0, **options: Unpack[NetworkOptions]) -> Model:
    """Build a network.

    One for images takes "input", float32 (N, 3, height, width), and gives "logits", float32 (N, classes). One for text
    takes "input_ids", "attention_mask" and "token_type_ids", int64 (N, tokens), and gives "embedding", float32
    (N, features), or with `classes` "logits".

    Args:
        name: one of `names()`.
        weights: a file that `load_weights` reads, its arrays by name, or "imagenet" where a package carries them;
            None: seeded ones under which signals neither die nor explode; the metadata says that they are random.
        seed: of the weights when none are given.
        options: those of `NetworkOptions` that the network takes. Images: `classes` (1000), `resolution` (that of the
            network), `width` (1). Text: `classes` (none), `width` (1), `pooling` ("mean"), `tokenizer` (the
            `tokenizer.json` beside the weights file, where there is one).

    Raises:
        ModelError: no such network, an option that it does not take, or a resolution that is too small for it.
        WeightsError: weights that do not fit, with the names that differ.
        MissingDependencyError: "imagenet", and the package with the weights is not installed.

    >>> model = build("mobilenet-v1", width=0.25, resolution=64, classes=10)
    >>> model.outputs
    (TensorSpec(name='logits', dtype='float32', shape=(None, 10)),)
    >>> build("minilm-l6", width=0.25).outputs
    (TensorSpec(name='embedding', dtype='float32', shape=(None, 96)),)
    >>> build("mobilenet-v9")
    Traceback (most recent call last):
    compsel.errors.ModelError: got network 'mobilenet-v9', allowed are ...
    """
    if name not in NETWORKS:
        raise ModelError(f"got network {name!r}, allowed are {', '.join(NETWORKS)}{did_you_mean(name, NETWORKS)}")
    return NETWORKS[name].build(weights, seed, options)
