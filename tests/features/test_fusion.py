import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from compsel.features.fusion import fuse, fuse_one, n_features, read_evidence, softmax, stack_evidence

logits = hnp.arrays(np.float32, st.integers(2, 60), elements=st.floats(-30, 30, width=32))


@given(logits)
def test_softmax_gives_probabilities_in_the_order_of_the_logits(values):
    probabilities = softmax(values)
    assert probabilities.dtype == np.float32
    assert probabilities.sum() == pytest.approx(1.0, abs=1e-5)
    assert probabilities[values.argmax()] == probabilities.max()


@given(logits)
def test_evidence_holds_the_most_probable_classes(values):
    probabilities = softmax(values)
    evidence = read_evidence(probabilities)
    kept = min(10, len(values))
    assert evidence.classes.shape == evidence.probabilities.shape == (1, kept)
    assert np.array_equal(evidence.probabilities[0], np.sort(probabilities)[::-1][:kept])
    assert np.array_equal(probabilities[evidence.classes[0]], evidence.probabilities[0])


@settings(max_examples=50)
@given(st.integers(0, 10_000), st.integers(2, 4))
def test_fusing_is_the_weighted_product(seed, stages):
    generator = np.random.default_rng(seed)
    tables = [softmax(generator.normal(size=(5, 10)).astype(np.float32) * 3) for _ in range(stages)]
    weights = generator.uniform(0.1, 2.0, stages)
    evidence = [stack_evidence([read_evidence(row) for row in table]) for table in tables]
    fused = fuse(evidence, weights)
    product = np.exp(sum(weight * np.log(table.astype(float)) for weight, table in zip(weights, tables, strict=True)))
    product /= product.sum(axis=1, keepdims=True)
    assert np.array_equal(fused.classes, product.argmax(axis=1))
    assert fused.features.shape == (5, n_features(stages))
    first = product.max(axis=1)
    assert fused.features[:, 0] == pytest.approx(np.log((first + 1e-4) / (1 - first + 1e-4)), rel=1e-3, abs=1e-3)
    agreement = np.mean([table.argmax(axis=1) == fused.classes for table in tables], axis=0)
    assert fused.features[:, -1] == pytest.approx(agreement)


def test_one_stage_is_its_own_answer():
    evidence = read_evidence(np.array([0.2, 0.5, 0.3], np.float32))
    fused = fuse([evidence], np.ones(1))
    assert fused.classes.tolist() == [1]
    assert fused.features[0] == pytest.approx([np.log(0.5001 / 0.5001), np.log(0.5001 / 0.3001)], rel=1e-5)
    assert fused.features.shape == (1, n_features(1))


def test_rows_are_fused_alike_alone_and_together():
    generator = np.random.default_rng(1)
    tables = [softmax(generator.normal(size=(30, 200)).astype(np.float32) * 4) for _ in range(3)]
    rows = [[read_evidence(row) for row in table] for table in tables]
    weights = np.array([0.2, 0.5, 0.3])
    together = fuse([stack_evidence(part) for part in rows], weights)
    for number in range(30):
        alone = fuse([part[number] for part in rows], weights)
        assert alone.classes[0] == together.classes[number]
        assert alone.features[0] == pytest.approx(together.features[number], rel=1e-9)


@settings(max_examples=50)
@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(2, 60))
def test_the_path_without_arrays_says_the_same(seed, stages, classes):
    generator = np.random.default_rng(seed)
    evidence = [read_evidence(softmax(generator.normal(size=classes).astype(np.float32) * 3)) for _ in range(stages)]
    weights = generator.uniform(0.1, 2.0, stages)
    fused = fuse(evidence, weights)
    answer, features = fuse_one(evidence, weights.tolist())
    assert answer == fused.classes[0]
    assert features == pytest.approx(fused.features[0].tolist(), rel=1e-9, abs=1e-12)
