"""Small models of texts, their tokenizer and their samples, made here."""

import csv
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from compsel.inputs.texts.preprocessing import TextPreprocessing
from compsel.models.model import Model

# words of each class; the last ones of all
TOPICS = {
    "lights": ("lamp", "light", "dark", "bright", "bulb", "switch"),
    "music": ("song", "play", "album", "band", "melody", "guitar"),
    "weather": ("rain", "sun", "snow", "wind", "storm", "cloud"),
}
COMMON = ("turn", "off", "on", "the", "a", "please", "how", "is", "you", "me", "in", "my", "today", "now", "lights")
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
WORDS = (*SPECIAL, *COMMON, *(word for words in TOPICS.values() for word in words), "?", "!", ",", ".")
LABELS = tuple(TOPICS)
_WIDTH = 8


def save_tokenizer(path: Path, truncation: int | None = None) -> Path:
    """Write the `tokenizer.json` of words with [CLS] and [SEP] around them."""
    tokenizer = Tokenizer(models.WordPiece({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(word, WORDS.index(word)) for word in ("[CLS]", "[SEP]")]
    )
    if truncation is not None:
        tokenizer.enable_truncation(truncation)
        tokenizer.enable_padding(length=truncation)
    path.parent.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(path))
    return path


@cache
def words_tokenizer() -> Path:
    """Return the path of a tokenizer that lies there as long as the process runs."""
    folder = tempfile.TemporaryDirectory(prefix="compsel-")
    _KEPT.append(folder)
    return save_tokenizer(Path(folder.name) / "tokenizer.json")


_KEPT: list[tempfile.TemporaryDirectory[str]] = []


def classifier(
    name: str = "words",
    *,
    noise: float = 0.0,
    blocks: int = 0,
    dtype: int = TensorProto.INT64,
    length: int | None = None,
) -> Model:
    """Return a classifier of tokens: embeddings, their mean under the mask, `blocks` of work, a linear layer.

    Args:
        name: of the model.
        noise: deviation of what is added to the weights; without any it is right wherever a topic's word stands.
        blocks: how many matrices of 256 x 256 every token goes through first; they change nothing.
        dtype: of the inputs.
        length: of the inputs; None: open.
    """
    rng = np.random.default_rng(5)
    table = np.zeros((len(WORDS), _WIDTH), np.float32)
    for place, words in enumerate(TOPICS.values()):
        for word in words:
            table[WORDS.index(word), place] = 1.0
    table += rng.normal(size=table.shape).astype(np.float32) * noise
    weight = (np.eye(_WIDTH, len(TOPICS)) * 12).astype(np.float32)
    graph = onnx.GraphProto(name=name)
    for tensor, key in ((table, "table"), (weight, "weight"), (np.zeros(len(TOPICS), np.float32), "bias")):
        graph.initializer.append(numpy_helper.from_array(tensor, key))
    graph.initializer.append(numpy_helper.from_array(np.array([2], np.int64), "last"))
    graph.initializer.append(numpy_helper.from_array(np.array([1], np.int64), "tokens"))
    node = helper.make_node
    graph.node.append(node("Gather", ["table", "input_ids"], ["x0"]))
    for number in range(blocks):
        up = rng.normal(size=(_WIDTH, 256)).astype(np.float32)
        graph.initializer.append(numpy_helper.from_array(up, f"up{number}"))
        graph.initializer.append(numpy_helper.from_array(np.linalg.pinv(up).astype(np.float32), f"down{number}"))
        graph.node.append(node("MatMul", [f"x{number}", f"up{number}"], [f"y{number}"]))
        graph.node.append(node("MatMul", [f"y{number}", f"down{number}"], [f"x{number + 1}"]))
    graph.node.extend(
        [
            node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
            node("Unsqueeze", ["mask", "last"], ["mask3"]),
            node("Mul", [f"x{blocks}", "mask3"], ["masked"]),
            node("ReduceSum", ["masked", "tokens"], ["sum"], keepdims=0),
            node("ReduceSum", ["mask", "tokens"], ["count"], keepdims=1),
            node("Div", ["sum", "count"], ["mean"]),
            node("Gemm", ["mean", "weight", "bias"], ["scores"]),
        ]
    )
    for key in ("input_ids", "attention_mask"):
        graph.input.append(helper.make_tensor_value_info(key, dtype, ["n", length or "tokens"]))
    graph.output.append(helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", len(TOPICS)]))
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return Model(name, proto, TextPreprocessing.of_file(words_tokenizer(), 16), labels=LABELS)


def string_pipeline(*, zipmap: bool = False) -> onnx.ModelProto:
    """Return what scikit-learn's exporter makes of counted words and a linear classifier: label and scores of a text.

    It lower-cases in the default locale, en_US.UTF-8, which this system may lack.
    """
    node = helper.make_node
    words = [word for topic in TOPICS.values() for word in topic]
    weight = np.kron(np.eye(len(TOPICS)), np.full(len(words) // len(TOPICS), 6.0))
    grams = {"min_gram_length": 1, "max_gram_length": 1, "max_skip_count": 0, "ngram_counts": [0]}
    places = {"ngram_indexes": list(range(len(words))), "pool_strings": words}
    splitting = {"mark": 0, "pad_value": "#", "mincharnum": 1, "tokenexp": "[a-z]+"}
    linear = {"coefficients": weight.ravel().tolist(), "intercepts": [0.0] * len(TOPICS), "post_transform": "SOFTMAX"}
    learned = {"domain": "ai.onnx.ml", "classlabels_strings": LABELS}
    nodes = [
        node("Reshape", ["text", "flat"], ["flat_text"]),
        node("StringNormalizer", ["flat_text"], ["lower"], case_change_action="LOWER", is_case_sensitive=0),
        node("Tokenizer", ["lower"], ["split"], domain="com.microsoft", **splitting),
        node("TfIdfVectorizer", ["split"], ["counts"], mode="TF", **grams, **places),
        node("LinearClassifier", ["counts"], ["label", "raw"], multi_class=1, **linear, **learned),
    ]
    outputs = [helper.make_tensor_value_info("label", TensorProto.STRING, [None])]
    if zipmap:
        nodes.append(node("ZipMap", ["raw"], ["maps"], **learned))
        maps = helper.make_map_type_proto(TensorProto.STRING, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
        outputs.append(helper.make_value_info("maps", helper.make_sequence_type_proto(maps)))
    else:
        nodes.append(node("Normalizer", ["raw"], ["scores"], domain="ai.onnx.ml", norm="L1"))
        outputs.append(helper.make_tensor_value_info("scores", TensorProto.FLOAT, [None, len(TOPICS)]))
    text = helper.make_tensor_value_info("text", TensorProto.STRING, [None, 1])
    flat = numpy_helper.from_array(np.array([-1], np.int64), "flat")
    graph = helper.make_graph(nodes, "pipeline", [text], outputs, [flat])
    opsets = [helper.make_opsetid(*one) for one in (("", 17), ("ai.onnx.ml", 1), ("com.microsoft", 1))]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def sentences(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """Return texts with the name of their class."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        label = LABELS[number % len(LABELS)]
        words = [*rng.choice(COMMON, int(rng.integers(2, 9))), *rng.choice(TOPICS[label], int(rng.integers(1, 3)))]
        rng.shuffle(words)
        rows.append((" ".join(words), label))
    return rows


def write_table(path: Path, count: int = 60, seed: int = 0) -> Path:
    """Write sentences as a table with the columns `text` and `label`."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["text", "label"])
        writer.writerows(sentences(count, seed))
    return path
