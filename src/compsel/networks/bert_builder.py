"""A builder of encoders of the BERT type (Devlin et al., BERT, NAACL 2019; attention: Vaswani et al., NIPS 2017).

The graph has the form that ONNX Runtime's own optimisers recognise: projections are MatMul and Add, heads are split by
a Reshape to (0, 0, heads, size), the mask is added as (1 - mask) * -10000, GELU is written with Erf. A session fuses
GELU with its bias when it is opened; the technique `fuse` also the attention and the normalisation of residual sums.
"""

import math

import numpy as np
from onnx import TensorProto, helper

from compsel.networks.graph_builder import GraphBuilder

__all__ = ["IDS", "MASK", "TYPES", "BertBuilder"]

IDS, MASK, TYPES = "input_ids", "attention_mask", "token_type_ids"

# far enough below any score for a weight of exactly 0, and a finite number in float16 too
_MASKED = -10000.0
# of torch's `normalize`
_LEAST_NORM = 1e-12
_LEAST_COUNT = 1e-9


class BertBuilder(GraphBuilder):
    """Adds the layers of an encoder. Values are named by their producer; their shape is (N, tokens, features).

    Args:
        width: number of features of a token.
        heads: of the attention; they share the features evenly.
        epsilon: of the layer normalisation.

    >>> net = BertBuilder(width=32, heads=2, epsilon=1e-12)
    >>> net.pooled(net.layer(net.embeddings(vocabulary=100, positions=16), "encoder.layer.0", 64), "mean")
    'pooled'
    """

    def __init__(self, width: int, heads: int, epsilon: float) -> None:
        super().__init__(
            [helper.make_tensor_value_info(name, TensorProto.INT64, ["N", "tokens"]) for name in (IDS, MASK, TYPES)]
        )
        self.width, self._heads, self._epsilon = width, heads, epsilon
        self._bias = ""

    def embeddings(self, vocabulary: int, positions: int, types: int = 2) -> str:
        """Add the sum of the embeddings of words, positions and token types, normalised."""
        words, places, kinds = (
            self._parameter(f"embeddings.{name}_embeddings.weight", (count, self.width))
            for name, count in (("word", vocabulary), ("position", positions), ("token_type", types))
        )
        x = self._add("Gather", [words, IDS], "embeddings.words", axis=0)
        kind = self._add("Gather", [kinds, TYPES], "embeddings.types", axis=0)
        x = self._add("Add", [x, kind], "embeddings.words_types")
        place = self._add("Gather", [places, self._positions()], "embeddings.positions", axis=0)
        x = self._add("Add", [x, place], "embeddings.sum")
        x = self._norm(x, "embeddings.LayerNorm")
        self._bias = self._mask_bias()
        return x

    def layer(self, x: str, name: str, intermediate: int) -> str:
        """Add a layer: attention and a dense network with GELU, each added to what came in, then normalised."""
        y = self._attention(x, f"{name}.attention")
        y = self._add("Add", [y, x], f"{name}.attention.residual")
        x = self._norm(y, f"{name}.attention.output.LayerNorm")
        y = self._gelu(self.dense(x, f"{name}.intermediate.dense", self.width, intermediate))
        y = self.dense(y, f"{name}.output.dense", intermediate, self.width)
        return self._norm(self._add("Add", [y, x], f"{name}.residual"), f"{name}.output.LayerNorm")

    def dense(self, x: str, name: str, inputs: int, outputs: int) -> str:
        """Add a dense layer with parameters `name`.weight (outputs, inputs) and `name`.bias."""
        weight = self._parameter(f"{name}.weight", (outputs, inputs), transposed=True)
        bias = self._parameter(f"{name}.bias", (outputs,), "bias")
        return self._add("Add", [self._add("MatMul", [x, weight], f"{name}.matmul"), bias], name)

    def pooled(self, x: str, pooling: str) -> str:
        """Add the reduction of the tokens to one vector.

        Args:
            x: features of the tokens.
            pooling: "mean": over the tokens that the mask keeps, scaled to the length 1 (Reimers and Gurevych,
                Sentence-BERT, EMNLP 2019); "cls": the first token; "none": all tokens stay.
        """
        if pooling == "none":
            return x
        if pooling == "cls":
            return self._add("Gather", [x, self._scalar("first", np.int64(0))], "pooled", axis=1)
        mask = self._add("Cast", [MASK], "pool.mask", to=TensorProto.FLOAT)
        row = self._add("Unsqueeze", [mask, self._whole("axis.1", 1)], "pool.row")
        total = self._add("Squeeze", [self._add("MatMul", [row, x], "pool.sums"), self._whole("axis.1", 1)], "pool.sum")
        count = self._add("ReduceSum", [mask, self._whole("axis.1", 1)], "pool.count", keepdims=1)
        count = self._add("Max", [count, self._scalar("pool.least", np.float32(_LEAST_COUNT))], "pool.counted")
        mean = self._add("Div", [total, count], "pool.mean")
        norm = self._add("ReduceL2", [mean], "pool.norm", axes=[1], keepdims=1)
        norm = self._add("Max", [norm, self._scalar("pool.least_norm", np.float32(_LEAST_NORM))], "pool.length")
        return self._add("Div", [mean, norm], "pooled")

    def _attention(self, x: str, name: str) -> str:
        size = self.width // self._heads
        query, key, value = (self._projection(x, f"{name}.self.{part}") for part in ("query", "key", "value"))
        query = self._add("Transpose", [query], f"{name}.self.query.heads", perm=[0, 2, 1, 3])
        key = self._add("Transpose", [key], f"{name}.self.key.heads", perm=[0, 2, 3, 1])
        value = self._add("Transpose", [value], f"{name}.self.value.heads", perm=[0, 2, 1, 3])
        scores = self._add("MatMul", [query, key], f"{name}.self.scores")
        scores = self._add("Div", [scores, self._scalar("scale", np.float32(math.sqrt(size)))], f"{name}.self.scaled")
        scores = self._add("Add", [scores, self._bias], f"{name}.self.masked")
        weights = self._add("Softmax", [scores], f"{name}.self.weights", axis=3)
        y = self._add("MatMul", [weights, value], f"{name}.self.context")
        y = self._add("Transpose", [y], f"{name}.self.context.tokens", perm=[0, 2, 1, 3])
        y = self._add("Reshape", [y, self._whole("joined", 0, 0, self.width)], f"{name}.self.joined")
        return self.dense(y, f"{name}.output.dense", self.width, self.width)

    def _projection(self, x: str, name: str) -> str:
        y = self.dense(x, name, self.width, self.width)
        shape = self._whole("split", 0, 0, self._heads, self.width // self._heads)
        return self._add("Reshape", [y, shape], f"{name}.split")

    def _positions(self) -> str:
        """Add 0, 1, 2, ... for every text."""
        shape = self._add("Shape", [IDS], "ids.shape")
        count = self._add("Gather", [shape, self._scalar("second", np.int64(1))], "tokens", axis=0)
        ends = (self._scalar("first", np.int64(0)), count, self._scalar("step", np.int64(1)))
        places = self._add("Range", list(ends), "positions.row")
        row = self._add("Unsqueeze", [places, self._whole("axis.0", 0)], "positions.text")
        return self._add("Expand", [row, shape], "positions")

    def _mask_bias(self) -> str:
        """Add what is added to the scores: 0 where the mask is 1, else a number that leaves no weight."""
        x = self._add("Unsqueeze", [MASK, self._whole("axis.1", 1)], "mask.rows")
        x = self._add("Unsqueeze", [x, self._whole("axis.2", 2)], "mask.heads")
        x = self._add("Cast", [x], "mask.float", to=TensorProto.FLOAT)
        x = self._add("Sub", [self._scalar("one", np.float32(1)), x], "mask.left_out")
        return self._add("Mul", [x, self._scalar("mask.value", np.float32(_MASKED))], "mask.bias")

    def _gelu(self, x: str) -> str:
        """Add x * (1 + erf(x / sqrt 2)) / 2 (Hendrycks and Gimpel, Gaussian Error Linear Units, 2016)."""
        y = self._add("Div", [x, self._scalar("sqrt2", np.float32(math.sqrt(2)))], f"{x}.gelu.scaled")
        y = self._add("Erf", [y], f"{x}.gelu.erf")
        y = self._add("Add", [y, self._scalar("one", np.float32(1))], f"{x}.gelu.shifted")
        y = self._add("Mul", [x, y], f"{x}.gelu.twice")
        return self._add("Mul", [y, self._scalar("half", np.float32(0.5))], f"{x}.gelu")

    def _norm(self, x: str, name: str) -> str:
        scale = self._parameter(f"{name}.weight", (self.width,), "scale")
        shift = self._parameter(f"{name}.bias", (self.width,), "bias")
        return self._add("LayerNormalization", [x, scale, shift], name, axis=-1, epsilon=self._epsilon)

    def _whole(self, name: str, *values: int) -> str:
        return self._constant(name, np.array(values, np.int64))

    def _scalar(self, name: str, value: np.generic) -> str:
        return self._constant(name, value)

    def _add(self, kind: str, inputs: list[str], name: str, **attributes: object) -> str:
        self._nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
        return name
