"""The encoder against a forward pass in numpy that shares no code with it."""

import math
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from compsel.errors import WeightsError
from compsel.models.model import Model
from compsel.models.random_weights import has_random_weights
from compsel.networks import build
from tests.encoder_weights import Arrays, published

HEADS, SMALL = 3, {"width": 0.25}  # 96 features


def run(model: Model, ids: np.ndarray, mask: np.ndarray, types: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.serialize(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"input_ids": ids, "attention_mask": mask, "token_type_ids": types})[0])


def texts(tokens: int = 7) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return two texts: one of full length, one padded."""
    generator = np.random.default_rng(1)
    mask = np.ones((2, tokens), np.int64)
    mask[1, tokens - 3 :] = 0
    return generator.integers(0, 30522, (2, tokens)), mask, generator.integers(0, 2, (2, tokens))


def norm(x: np.ndarray, a: Arrays, name: str) -> np.ndarray:
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
    return np.asarray(scaled * a[f"{name}.weight"] + a[f"{name}.bias"])


def dense(x: np.ndarray, a: Arrays, name: str) -> np.ndarray:
    return np.asarray(x @ a[f"{name}.weight"].T + a[f"{name}.bias"])


def forward(a: Arrays, layers: int, ids: np.ndarray, mask: np.ndarray, types: np.ndarray) -> np.ndarray:
    """Return the features of every token, float64 (texts, tokens, features); each head and text for itself."""
    a = {name: array.astype(np.float64) for name, array in a.items()}
    words, places, kinds = (a[f"embeddings.{part}_embeddings.weight"] for part in ("word", "position", "token_type"))
    result = []
    for text in range(len(ids)):
        x = norm(words[ids[text]] + kinds[types[text]] + places[: ids.shape[1]], a, "embeddings.LayerNorm")
        for index in range(layers):
            name = f"encoder.layer.{index}"
            query, key, value = (dense(x, a, f"{name}.attention.self.{part}") for part in ("query", "key", "value"))
            contexts = []
            for columns in np.split(np.arange(x.shape[1]), HEADS):
                scores = query[:, columns] @ key[:, columns].T / math.sqrt(len(columns))
                weights = np.exp(scores) * mask[text]
                contexts.append(weights / weights.sum(-1, keepdims=True) @ value[:, columns])
            y = dense(np.concatenate(contexts, axis=1), a, f"{name}.attention.output.dense")
            x = norm(x + y, a, f"{name}.attention.output.LayerNorm")
            y = dense(x, a, f"{name}.intermediate.dense")
            y = y * (1 + np.vectorize(math.erf)(y / math.sqrt(2))) / 2
            x = norm(x + dense(y, a, f"{name}.output.dense"), a, f"{name}.output.LayerNorm")
        result.append(x)
    return np.stack(result)


def pooled(features: np.ndarray, mask: np.ndarray) -> np.ndarray:
    mean = (features * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
    return np.asarray(mean / np.linalg.norm(mean, axis=1, keepdims=True))


@pytest.mark.parametrize("layers", [1, 3])
def test_the_embedding_is_that_of_the_formulas(layers: int) -> None:
    name, feeds = f"minilm-l{layers}", texts()
    arrays = published(build(name, **SMALL))
    want = pooled(forward(arrays, layers, *feeds), feeds[1])
    got = run(build(name, weights=arrays, **SMALL), *feeds)
    assert got.shape == (2, 96)
    np.testing.assert_allclose(got, want, atol=2e-5)


def test_the_first_token_and_all_tokens() -> None:
    feeds = texts()
    arrays = published(build("minilm-l2", **SMALL))
    want = forward(arrays, 2, *feeds)
    got = run(build("minilm-l2", weights=arrays, pooling="none", **SMALL), *feeds)
    np.testing.assert_allclose(got, want, atol=1e-4)
    got = run(build("minilm-l2", weights=arrays, pooling="cls", **SMALL), *feeds)
    np.testing.assert_allclose(got, want[:, 0], atol=1e-4)


def test_a_head_of_classes() -> None:
    feeds = texts()
    head = build("minilm-l1", classes=5, **SMALL)
    assert head.outputs[0].name == "logits" and head.outputs[0].shape == (None, 5)
    arrays = published(head)
    want = dense(pooled(forward(arrays, 1, *feeds), feeds[1]), arrays, "classifier")
    np.testing.assert_allclose(run(build("minilm-l1", weights=arrays, classes=5, **SMALL), *feeds), want, atol=1e-4)
    # without classes the same file gives the embedding
    assert build("minilm-l1", weights=arrays, **SMALL).outputs[0].name == "embedding"


def test_padding_changes_nothing() -> None:
    model = build("minilm-l2", **SMALL)
    ids, _, types = texts(5)
    ones = np.ones_like(ids)
    padding = np.zeros((2, 4), np.int64)
    longer = [np.concatenate([x, padding], axis=1) for x in (ids, ones, types)]
    np.testing.assert_allclose(run(model, *longer), run(model, ids, ones, types), atol=1e-5)


def test_a_checkpoint_with_prefix_and_more_layers_and_what_inference_does_not_need() -> None:
    arrays = published(build("minilm-l3", **SMALL))
    extra = {"pooler.dense.weight": np.ones((96, 96), np.float32), "embeddings.position_ids": np.arange(512)[None]}
    prefixed = {f"bert.{name}": array for name, array in (arrays | extra).items()}
    model = build("minilm-l2", weights=prefixed, **SMALL)
    first = {name: array for name, array in arrays.items() if "layer.2." not in name}
    assert model.fingerprint() == build("minilm-l2", weights=first, **SMALL).fingerprint()
    assert not has_random_weights(model.proto)
    with pytest.raises(WeightsError, match=r"minilm-l3: .*missing \(16\): encoder.layer.2.*Hugging Face"):
        build("minilm-l3", weights=first, **SMALL)


def test_without_weights_they_are_seeded_and_said_to_be_random() -> None:
    model = build("minilm-l2", seed=1, **SMALL)
    onnx.checker.check_model(model.proto, full_check=True)
    assert has_random_weights(model.proto)
    assert model.fingerprint() == build("minilm-l2", seed=1, **SMALL).fingerprint()
    assert model.fingerprint() != build("minilm-l2", seed=2, **SMALL).fingerprint()
    # texts are told apart
    first, second = run(model, *texts())
    assert first @ second < 0.9


def test_gelu_is_fused_when_a_session_opens(tmp_path: Path) -> None:
    """The form of the graph is one that ONNX Runtime's optimiser knows."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(build("minilm-l2", **SMALL).serialize(), options, providers=["CPUExecutionProvider"])
    kinds = [node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node]
    assert kinds.count("BiasGelu") == 2 and "Erf" not in kinds
