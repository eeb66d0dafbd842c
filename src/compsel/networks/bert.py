"""Encoders of text of the BERT type; MiniLM with 1 to 6 layers.

Parameter names follow Hugging Face's `BertModel`, with or without the prefix `bert.` that models with a head have; a
classification head is `classifier.weight` and `.bias` on the pooled embedding. A checkpoint may have more layers than
the network: the first are taken. The pooling layer of BERT's pretraining (`pooler`) is not used.

Devlin et al., BERT, NAACL 2019; Wang et al., MiniLM, NeurIPS 2020.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, get_args

import numpy as np
import onnx
from onnx import TensorProto, helper

from compsel.errors import ModelError
from compsel.inputs.texts.preprocessing import TextPreprocessing
from compsel.models.model import Model
from compsel.models.random_weights import mark_random_weights
from compsel.networks.bert_builder import BertBuilder
from compsel.networks.checkpoints.loading import fit, load_weights
from compsel.networks.graph_builder import Parameter
from compsel.networks.initialisation import initialise
from compsel.networks.network import Network, NetworkOptions, Pooling, Weights

__all__ = ["NETWORKS", "BertNetwork"]

_PREFIX = "bert."
_HEAD = "classifier"
_TOKENIZER = "tokenizer.json"
_LAYER = re.compile(r"encoder\.layer\.(\d+)\.")


@dataclass(frozen=True, kw_only=True)
class BertNetwork(Network):
    """An encoder that takes "input_ids", "attention_mask" and "token_type_ids", int64 (N, tokens).

    It gives "embedding", float32 (N, features), with pooling "none" (N, tokens, features); or, where it is built with
    classes, "logits", float32 (N, classes).

    Attributes:
        layers: number of layers.
        heads: of the attention in each layer.
        features: of a token; the heads share them evenly.
        intermediate: features of the dense network in each layer.
        vocabulary: number of words that have an embedding.
        positions: most tokens that a text may have.
        max_tokens: most tokens that it was trained for: longer texts are cut there.
        epsilon: of the layer normalisation.

    >>> from compsel.networks import NETWORKS
    >>> NETWORKS["minilm-l6"].parameters
    22565376
    """

    options: ClassVar[frozenset[str]] = frozenset({"classes", "pooling", "tokenizer", "width"})
    layers: int
    heads: int
    features: int
    intermediate: int
    vocabulary: int = 30522
    positions: int = 512
    max_tokens: int = 512
    epsilon: float = 1e-12

    def _build(self, weights: Weights | None, seed: int, options: NetworkOptions) -> Model:
        pooling = options.get("pooling") or "mean"
        if pooling not in get_args(Pooling):
            raise ModelError(f"{self.name}: got pooling {pooling!r}, allowed are {', '.join(get_args(Pooling))}")
        net, output = self._define(options.get("width") or 1.0, pooling, options.get("classes"))
        if weights is None:
            values = initialise(net.parameters, seed)
        else:
            arrays = weights if isinstance(weights, Mapping) else load_weights(weights)
            values = self._fitted(net.parameters, arrays)
        proto = net.graph(self.name, output, values)
        if weights is None:
            mark_random_weights(proto)
        return Model(self.name, proto, self._preprocessing(weights, options.get("tokenizer")))

    def _preprocessing(
        self, weights: Weights | None, tokenizer: str | os.PathLike[str] | None
    ) -> TextPreprocessing | None:
        """Return the tokenizer that was named or lies beside the weights; None: the model takes token ids."""
        if tokenizer is not None:
            return TextPreprocessing.of_file(Path(tokenizer), self.max_tokens)
        if weights is None or isinstance(weights, Mapping):
            return None
        beside = Path(weights).parent / _TOKENIZER
        return TextPreprocessing.of_file(beside, self.max_tokens) if beside.is_file() else None

    def _without_weights(self) -> Model:
        net, output = self._define(1.0, "mean", None)
        return Model(self.name, net.graph(self.name, output))

    def _define(self, width: float, pooling: Pooling, classes: int | None) -> tuple[BertBuilder, onnx.ValueInfoProto]:
        """Return the builder with all layers, and the output that the last one becomes."""
        heads = max(1, round(self.heads * width))
        features = self.features // self.heads * heads
        intermediate = self.intermediate * features // self.features
        net = BertBuilder(features, heads, self.epsilon)
        x = net.embeddings(self.vocabulary, self.positions)
        for index in range(self.layers):
            x = net.layer(x, f"encoder.layer.{index}", intermediate)
        x = net.pooled(x, pooling)
        name, count = ("embedding", features) if classes is None else ("logits", classes)
        if classes is not None:
            net.dense(x, _HEAD, features, classes)
        shape = ["N", "tokens", count] if pooling == "none" else ["N", count]
        return net, helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    def _fitted(self, parameters: list[Parameter], arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the array of every parameter, of a checkpoint with or without prefix that may have more layers."""
        arrays = {key.removeprefix(_PREFIX): array for key, array in arrays.items()}
        kept = {key: array for key, array in arrays.items() if not self._beyond(key)}
        wants_head = any(parameter.name.startswith(_HEAD) for parameter in parameters)
        ignored = self.ignored if wants_head else (*self.ignored, _HEAD)
        return fit(self.name, parameters, kept, self.naming, ignored)

    def _beyond(self, key: str) -> bool:
        layer = _LAYER.match(key)
        return layer is not None and int(layer[1]) >= self.layers


def _minilm(layers: int) -> BertNetwork:
    return BertNetwork(
        name=f"minilm-l{layers}",
        paper="Wang et al., MiniLM, NeurIPS 2020; Reimers and Gurevych, Sentence-BERT, EMNLP 2019",
        naming="Hugging Face BertModel",
        reference="a forward pass in numpy; sentence-transformers' ONNX export of paraphrase-MiniLM-L3-v2",
        # buffers of older exports, and heads of pretraining
        ignored=("embeddings.position_ids", "pooler.", "cls."),
        layers=layers,
        heads=12,
        features=384,
        intermediate=1536,
        max_tokens=256,
    )


NETWORKS = tuple(_minilm(layers) for layers in range(1, 7))
