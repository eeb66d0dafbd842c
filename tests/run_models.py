"""Small models of every kind that ONNX Runtime takes, with feeds: what `run` must answer as a bare session does."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnx.parser
from onnx import TensorProto, helper

Feeds = dict[str, Any]
_HEAD = '<ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>\n'


@dataclass(frozen=True)
class RunCase:
    """A model, and feeds of it; some that ONNX Runtime refuses are among them."""

    model: onnx.ModelProto
    feeds: list[Feeds]
    outputs: tuple[list[str] | None, ...] = (None,)


def parsed(text: str) -> onnx.ModelProto:
    """Return the model that a text describes."""
    return onnx.parser.parse_model(_HEAD + text)


def floats(*shape: int, seed: int = 0) -> np.ndarray:
    """Return seeded noise."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def _dense() -> RunCase:
    model = parsed(
        """g (float[n, 4] x) => (float[n, 3] y)
        <float[4, 3] w = {1, 2, 3, -4, 5, 6, 7, -8, 9, 1, 0.5, -2}> { y = MatMul(x, w) }"""
    )
    x = floats(5, 4)
    odd = [np.nan, np.inf, -np.inf, 3e38]
    feeds: list[Any] = [x, x[:1], x[:0], x.tolist(), x[:1].tolist(), np.float32([odd]), np.float32([odd, x[0]])]
    feeds += [np.asfortranarray(x), x[::2], x[:, ::-1], x.astype(np.float64), x[0], x[None], x[:, :3], [[1, 2, 3, 4]]]
    feeds += [x.astype(">f4"), [], "text", None, 3.0, np.float32(3), tuple(x[0]), x.tolist()[0], [[1, 2], [3]]]
    return RunCase(
        model,
        [{"x": value} for value in feeds] + [{}, {"x": x, "z": x}, {"X": x}],
        (None, [], ["y"], ["y", "y"], ["z"], ("y",)),
    )


def _types() -> RunCase:
    model = parsed(
        """g (float x, bool[k] b, int8[k] i, uint8[k] u, float16[k] h, double[k] d, int64[2] l)
        => (float y, bool[k] nb, int8[k] ni, uint8[k] nu, float16[k] nh, double[k] nd, int64[2] nl)
        { y = Neg(x) nb = Not(b) ni = Neg(i) nu = Add(u, u) nh = Neg(h) nd = Neg(d) nl = Neg(l) }"""
    )
    kinds = {"b": bool, "i": np.int8, "u": np.uint8, "h": np.float16, "d": np.float64}
    feeds: list[Feeds] = [
        {
            "x": np.full(shape, 2, np.float32),
            "l": np.array([1, 2]),
            **{name: np.arange(k).astype(kind) for name, kind in kinds.items()},
        }
        for k, shape in ((3, ()), (0, ()), (1, (1,)), (2, (2, 2)))
    ]
    lists = {name: value.tolist() for name, value in feeds[0].items()}
    return RunCase(model, [*feeds, lists, {**feeds[0], "l": [1, 2]}], (None, ["nd", "y"], ["nb"]))


def _time_first() -> RunCase:
    model = parsed(
        """g (float[t, b, 3] x) => (float[b, 3] last, float s) <int64[1] first = {0}>
        { last = ReduceSum<keepdims=0>(x, first) s = ReduceMax<keepdims=0>(x) }"""
    )
    return RunCase(model, [{"x": floats(*shape)} for shape in ((5, 1, 3), (1, 4, 3), (3, 3, 3), (0, 2, 3), (2, 0, 3))])


def _axes_of_their_own() -> RunCase:
    model = parsed(
        """g (float[n, 3] a, float[m, 3] b, float[n] w) => (float[n, m] y, float[n] z)
        { bt = Transpose<perm=[1, 0]>(b) y = MatMul(a, bt) s = Softmax<axis=0>(w) z = Mul(s, w) }"""
    )
    shapes = ((2, 5), (3, 3), (1, 1), (4, 1), (0, 2))
    feeds = [{"a": floats(n, 3), "b": floats(m, 3, seed=1), "w": floats(n, seed=2)} for n, m in shapes]
    return RunCase(model, feeds, (None, ["z"]))


def _softmax_over_rows() -> RunCase:
    model = parsed("g (float[n, 4] x) => (float[n, 4] y) { y = Softmax<axis=0>(x) }")
    return RunCase(model, [{"x": floats(n, 4)} for n in (1, 2, 6)])


def _only_large_values_mix_rows() -> RunCase:
    model = parsed(
        """g (float[n, 4] x) => (float[n, 4] y) <float limit = {50}>
        { m = ReduceMax<keepdims=0>(x) d = Sub(m, limit) over = Relu(d) y = Sub(x, over) }"""
    )
    return RunCase(model, [{"x": floats(3, 4)}, {"x": 100 * floats(3, 4)}])


def _strings() -> RunCase:
    model = parsed(
        """g (string[n] x) => (string[n] y, int64[n] k)
        { y = Identity(x)
          k = ai.onnx.ml.LabelEncoder<keys_strings=["a", "b"], values_int64s=[1, 2], default_int64=-1>(x) }"""
    )
    feeds: list[Any] = [np.array(["a", "b", "ü✓"]), np.array(["a"], dtype=object), np.array([], dtype=object)]
    feeds += [["a", "b"], np.array([1, 2], dtype=object), np.array("a"), "a", ["a", 3], [["a"]], [b"a"]]
    feeds += [np.array([b"ab", b"cd"], np.void), np.array([b"a", b"b"])]
    return RunCase(model, [{"x": value} for value in feeds])


def _sequences() -> RunCase:
    model = parsed(
        """g (seq(float[k, j]) s, int64 i) => (seq(float[k, j]) t, float[k, j] y, seq(int64[n]) q)
        { y = SequenceAt(s, i) t = SequenceInsert(s, y) o = Shape(y) q = SequenceConstruct(o, o) }"""
    )
    parts = [floats(2, 3), floats(1, 3, seed=1), floats(4, 2, seed=2)]
    feeds = [{"s": parts, "i": np.array(1)}, {"s": parts[:1], "i": np.array(0)}, {"s": parts, "i": np.array(9)}]
    feeds += [{"s": [], "i": np.array(0)}, {"s": tuple(parts), "i": np.array(0)}, {"s": parts, "i": 0}]
    return RunCase(model, feeds, (None, ["q"], ["y", "t"]))


def _classifier(zip_map: bool, strings: bool, scores_first: bool = False) -> RunCase:
    classes: Feeds = {"classlabels_strings": ["cat", "dog", "owl"]} if strings else {"classlabels_ints": [3, 5, 9]}
    kind = TensorProto.STRING if strings else TensorProto.INT64
    coefficients = [1.0, -2.0, 0.5, 3.0, 0.1, -1.0]
    nodes = [
        helper.make_node(
            "LinearClassifier",
            ["x"],
            ["label", "scores"],
            domain="ai.onnx.ml",
            coefficients=coefficients,
            intercepts=[0.0, 0.1, -0.1],
            post_transform="SOFTMAX",
            **classes,
        )
    ]
    value = helper.make_tensor_value_info
    label, scores = value("label", kind, ["n"]), value("scores", TensorProto.FLOAT, ["n", 3])
    if zip_map:
        keys = {key.replace("ints", "int64s"): names for key, names in classes.items()}
        nodes.append(helper.make_node("ZipMap", ["scores"], ["probability"], domain="ai.onnx.ml", **keys))
        of_map = helper.make_map_type_proto(kind, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
        scores = helper.make_value_info("probability", helper.make_sequence_type_proto(of_map))
    outputs = [scores, label] if scores_first else [label, scores]
    graph = helper.make_graph(nodes, "g", [value("x", TensorProto.FLOAT, ["n", 2])], outputs)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    names: list[list[str] | None] = [None, ["label"], [scores.name], [scores.name, "label"]]
    return RunCase(
        helper.make_model(graph, opset_imports=opsets, ir_version=8),
        [{"x": floats(n, 2)} for n in (1, 2, 5, 0)] + [{"x": floats(2, 2).tolist()}],
        tuple(names),
    )


def _pooled() -> RunCase:
    model = parsed("""g (float[n, 3, h, w] x) => (float[n, 3, 1, 1] y) { y = GlobalAveragePool(x) }""")
    return RunCase(model, [{"x": floats(n, 3, 4, 4)} for n in (1, 3)])


def _maps() -> RunCase:
    of_map = helper.make_map_type_proto(TensorProto.STRING, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    node = helper.make_node("DictVectorizer", ["x"], ["y"], domain="ai.onnx.ml", string_vocabulary=["a", "b", "c"])
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])
    graph = helper.make_graph([node], "g", [helper.make_value_info("x", of_map)], [output])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    return RunCase(model, [{"x": {"a": 1.0, "c": 2.0}}, {"x": {}}, {"x": {"d": 1.0}}, {"x": {3: 1.0}}])


def _defaults() -> RunCase:
    model = parsed(
        """g (float[n, 2] x, float[2] scale) => (float[n, 2] y)
        <float[2] scale = {2, 3}, float[2] w = {1, 1}> { z = Mul(x, scale) y = Add(z, w) }"""
    )
    x = floats(3, 2)
    return RunCase(model, [{"x": x}, {"x": x[:1]}, {"x": x, "scale": np.float32([1, 2])}])


def _optional() -> RunCase:
    value = helper.make_tensor_value_info
    of = helper.make_optional_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, [None]))
    nodes = [helper.make_node("OptionalHasElement", ["o"], ["has"]), helper.make_node("Neg", ["x"], ["y"])]
    inputs = [value("x", TensorProto.FLOAT, ["n"]), helper.make_value_info("o", of)]
    outputs = [value("y", TensorProto.FLOAT, ["n"]), value("has", TensorProto.BOOL, [])]
    graph = helper.make_graph(nodes, "g", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    x = floats(3)
    return RunCase(model, [{"x": x, "o": x}, {"x": x, "o": None}, {"x": x}, {"o": x}])


def _no_inputs() -> RunCase:
    return RunCase(parsed("g () => (float[2] y) { y = Constant<value_floats=[1.0, 2.0]>() }"), [{}, {"x": floats(1)}])


def _any_rank() -> RunCase:
    model = parsed("g (float[n] x, float s) => (float[n] y, int64[k] k) { y = Mul(x, s) k = Shape(x) }")
    for value in (model.graph.input[0], *model.graph.output):
        value.type.tensor_type.ClearField("shape")
    one = np.float32(2).reshape(())
    return RunCase(model, [{"x": floats(*shape), "s": one} for shape in ((), (2,), (2, 3), (1, 2, 3), (0,))])


def _fails_on_some() -> RunCase:
    model = parsed("g (float[n] x, int64[2] s) => (float[a, b] y, float[n] z) { y = Reshape(x, s) z = Neg(x) }")
    x = floats(6)
    shapes = ([2, 3], [4, 4], [3, 2], [0, 0], [-1, 1])
    return RunCase(model, [{"x": x, "s": np.array(shape)} for shape in shapes], (None, ["z"]))


def _data_dependent() -> RunCase:
    model = parsed(
        """g (float[n, 2] x) => (int64[2, k] where, float[m] kept) <int64[1] flat = {-1}>
        { where = NonZero(x) f = Reshape(x, flat) b = Cast<to=9>(f) kept = Compress(f, b) }"""
    )
    feeds = [np.float32([[1, 0], [0, 2], [3, 0]]), np.zeros((2, 2), np.float32), floats(1, 2)]
    return RunCase(model, [{"x": x} for x in feeds])


def _fixed_batch() -> RunCase:
    model = parsed("g (float[4, 2] x) => (float[4, 2] y) { y = Softmax(x) }")
    return RunCase(model, [{"x": floats(n, 2)} for n in (4, 1, 3, 8, 0)])


def _logits() -> RunCase:
    model = parsed(
        """g (float[n, 4] x) => (float[n, 3] y)
        <float[4, 3] w = {1, 2, 3, -4, 5, 6, 7, -8, 9, 1, 0.5, -2}> { z = MatMul(x, w) y = Softmax(z) }"""
    )
    return RunCase(model, [{"x": floats(n, 4)} for n in (1, 4, 0)] + [{"x": np.float32([[np.nan, 1, 2, 3]])}])


CASES: dict[str, Callable[[], RunCase]] = {
    "dense": _dense,
    "types": _types,
    "time first": _time_first,
    "axes of their own": _axes_of_their_own,
    "softmax over rows": _softmax_over_rows,
    "only large values mix rows": _only_large_values_mix_rows,
    "strings": _strings,
    "sequences": _sequences,
    "scikit-learn, maps, strings": lambda: _classifier(True, True),
    "scikit-learn, maps, numbers": lambda: _classifier(True, False),
    "scikit-learn, tensors": lambda: _classifier(False, False),
    "scikit-learn, scores first": lambda: _classifier(True, True, scores_first=True),
    "pooled": _pooled,
    "maps": _maps,
    "defaults": _defaults,
    "optional": _optional,
    "no inputs": _no_inputs,
    "any rank": _any_rank,
    "fails on some": _fails_on_some,
    "data dependent": _data_dependent,
    "fixed batch": _fixed_batch,
    "probabilities": _logits,
}
