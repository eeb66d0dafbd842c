import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from compsel.errors import SelectorError
from compsel.features.evidence import OutputEvidence, stack_evidence
from compsel.features.fusion import fuse, fuse_one
from compsel.features.output_confidence import GENERIC, OutputReader, generic_confidence
from compsel.features.output_sketch import SKETCH, compare, n_compared, sketch
from tests import confident_models

ANY_FLOATS = hnp.arrays(
    st.sampled_from([np.float16, np.float32, np.float64]),
    hnp.array_shapes(min_dims=0, max_dims=4, max_side=6),
    elements=st.floats(width=16),
)


@given(st.lists(ANY_FLOATS, min_size=1, max_size=5))
def test_any_outputs_have_finite_confidence_and_sketch(outputs):
    evidence = OutputReader().read(outputs)
    assert np.isfinite(evidence.confidence).all()
    assert np.isfinite(evidence.sketch).all()
    assert evidence.sketch.shape == (1, SKETCH)
    assert evidence.confidence.shape == (1, 6 * min(4, len(outputs)))


@pytest.mark.parametrize("size", [300, 1280, 50_000, 200_000])
def test_a_sketch_keeps_distances(size):
    generator = np.random.default_rng(size)
    one, far = generator.standard_normal((2, size)).astype(np.float32)
    step = -(-size // 65_536)
    for other in (far, one + 1):
        kept = np.linalg.norm(sketch([one]) - sketch([other]))
        assert kept == pytest.approx(np.linalg.norm((one - other)[::step]), rel=0.25)


def test_few_numbers_are_kept_as_they_are():
    assert sketch([np.array([[1.5]]), np.array([2, 3])])[:4].tolist() == [1.5, 2.0, 3.0, 0.0]


def test_texts_and_nothing_at_all_are_no_evidence_but_no_error_either():
    evidence = OutputReader().read([np.array(["a"]), np.zeros((0, 4), np.float32)])
    assert evidence.confidence.tolist() == [[0.0]]
    assert not evidence.sketch.any()


def test_detections_are_as_sure_as_their_best_scores():
    boxes = np.zeros((1, 20, 4), np.float32)
    scores = np.linspace(0, 0.9, 20, dtype=np.float32)[None]
    largest, second = generic_confidence([boxes, scores])[9:11]
    assert np.expm1([largest, second]) == pytest.approx([0.9, 0.9 - 0.9 / 19], abs=1e-6)


def evidence_of(vectors):
    return stack_evidence([OutputReader().read([vector[None]]) for vector in vectors])


def test_comparing_says_how_far_answers_lie_apart():
    generator = np.random.default_rng(0)
    near, far = generator.standard_normal((2, 5, 40)).astype(np.float32)
    answering = evidence_of(near)
    close = compare([evidence_of(near + 0.01), answering], np.array([0.0, 1.0]))
    apart = compare([evidence_of(far), answering], np.array([0.0, 1.0]))
    assert close.features.shape == (5, n_compared(2, 6))
    assert (close.features[:, -3:-1] < apart.features[:, -3:-1] - 3).all()
    assert (close.features[:, -1] > 0.99).all()
    assert np.array_equal(close.features[:, :12], apart.features[:, :12])


def test_one_input_is_compared_as_it_is_among_many():
    generator = np.random.default_rng(1)
    stages = [evidence_of(vectors) for vectors in generator.standard_normal((3, 7, 500)).astype(np.float32)]
    weights = np.array([0.0, 1.0, 0.0])
    fused = fuse(stages, weights)
    for row in range(7):
        answer, features = fuse_one([stage.take(np.array([row])) for stage in stages], weights.tolist())
        assert answer == fused.classes[row] == 0
        assert features == fused.features[row].tolist()


def test_evidence_of_some_rows_keeps_everything():
    evidence = evidence_of(np.eye(4, 9, dtype=np.float32)).judged(np.array([True, False, True, False]))
    some = evidence.take(np.array([2, 1]))
    assert isinstance(some, OutputEvidence)
    assert some.classes[:, 0].tolist() == [1, 0]
    assert np.array_equal(some.sketch, evidence.sketch[[2, 1]])
    assert some.source == GENERIC


@pytest.mark.parametrize(
    ("confidence", "said"),
    [
        (confident_models.nothing, r"nothing: gave \[nan\], allowed are finite numbers"),
        (confident_models.table, r"table: gave an array of shape \(2, 2\)"),
        (lambda outputs: [], r"gave an array of shape \(0,\)"),
        (lambda outputs: "sure", "failed with ValueError"),
        (lambda outputs: None, r"gave \[nan\]"),
        (confident_models.broken, "broken: failed with KeyError.*mend the function"),
    ],
)
def test_a_function_that_breaks_its_contract_is_named(confidence, said):
    with pytest.raises(SelectorError, match=said):
        OutputReader(confidence).read([np.zeros((1, 3), np.float32)])


def test_a_function_gives_always_as_many_numbers():
    reader = OutputReader(lambda outputs: outputs[0])
    reader.read([np.zeros(3)])
    with pytest.raises(SelectorError, match="gave 2 numbers, 3 before"):
        reader.read([np.zeros(2)])


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("sureness", "allowed are generic and module:function"),
        ("tests.confident_models:missing", "has no such function"),
        ("no_such_module:f", "cannot be imported"),
        ("tests.confident_models:HARD", "allowed is a function"),
        (3, "got 3, allowed is a function"),
    ],
)
def test_what_is_no_function_is_refused(spec, said):
    with pytest.raises(SelectorError, match=said):
        OutputReader(spec)


def test_a_name_and_its_function_are_the_same():
    named, given_ = OutputReader("tests.confident_models:sureness"), OutputReader(confident_models.sureness)
    assert named.identity == given_.identity != OutputReader(confident_models.table).identity
    assert named.name == "tests.confident_models:sureness"
