"""Students: the graph does the arithmetic of the fit, padding changes nothing, refits keep the features."""

import numpy as np
import pytest
from onnx import numpy_helper

import compsel
from compsel.errors import NotApplicableError, SamplesError
from compsel.inputs.feeds import feeds_of
from compsel.inputs.samples import ArraySamples
from compsel.models.graph_session import open_session
from compsel.networks import build
from compsel.techniques import parse
from compsel.techniques.heads.learned import learned_from
from compsel.techniques.heads.softmax_regression import LinearHead
from compsel.techniques.refitting import refit
from compsel.techniques.students.student_graph import student_graph, tables_of
from compsel.techniques.students.text_student import INPUTS
from compsel.techniques.students.token_tables import TokenTables, design_of, make_tables, pair_slots
from tests.techniques.heads.test_fitting import Unlabelled, answers, share_right
from tests.text_models import LABELS, classifier


def test_from_a_table_alone(table, tmp_path):
    fitted = compsel.make_student(table.subset(range(120)))
    assert fitted.accuracy > 0.9
    assert share_right(fitted.model, table.subset(range(120, 150))) > 0.9
    loaded = compsel.Model.load(fitted.model.save(tmp_path / "student.onnx"))
    assert (tmp_path / "student.tokenizer.json").is_file()
    assert loaded.labels == LABELS
    np.testing.assert_array_equal(answers(loaded, table), answers(fitted.model, table))
    assert learned_from(loaded, table).sum() == 120


def test_static_vectors_help_where_words_are_new(encoder, table):
    model = compsel.make_student(table, encoder=encoder).model
    assert [spec.name for spec in model.inputs] == [spec.name for spec in encoder.inputs]
    assert tables_of(model).vectors is not None
    assert share_right(model, table) > 0.95


@pytest.mark.parametrize("with_vectors", [True, False])
def test_the_graph_and_the_fit_do_the_same_arithmetic(encoder, table, with_vectors):
    model = compsel.make_student(table, encoder=encoder if with_vectors else None).model
    texts = [feeds_of(model, table.value(index))["input_ids"][0] for index in range(len(table))]
    stored = {t.name.partition(".")[2]: numpy_helper.to_array(t) for t in model.proto.graph.initializer}
    tables = tables_of(model)
    ngrams = stored["ngrams"][1:, :-1] / tables.idf[1:, None]
    vectors = stored["projection"][:-1, :-1] if with_vectors else np.zeros((0, len(LABELS)))
    weights = np.concatenate([vectors, np.zeros((1, len(LABELS))), ngrams]).astype(np.float32)
    head = LinearHead(weights, stored["bias"])
    np.testing.assert_allclose(head.scores(design_of(tables, texts)), answers(model, table), atol=1e-3)


def test_padding_changes_nothing(encoder, table):
    model = compsel.make_student(table, encoder=encoder).model
    session = open_session(model.to_proto())
    short, long = (feeds_of(model, text) for text in ("play song", "please turn on the bright lamp now"))
    length = long["input_ids"].shape[1]
    batch = {
        name: np.concatenate([np.pad(short[name], ((0, 0), (0, length - short[name].shape[1]))), long[name]])
        for name in long
    }
    batch["input_ids"][0, short["input_ids"].shape[1] :] = 7  # whatever stands there
    together = session.run(None, batch)[0]
    np.testing.assert_allclose(together, np.concatenate([session.run(None, f)[0] for f in (short, long)]), atol=1e-5)


def test_padding_makes_no_pairs_even_where_their_slots_are_taken():
    pairs = np.ones(8, np.int32)  # every pair is a feature
    tables = TokenTables(None, np.zeros(6, np.int32), pairs, np.array([0, 1], np.float32))
    head = LinearHead(np.array([[0, 0], [1, -1]], np.float32), np.zeros(2, np.float32))
    session = open_session(student_graph(tables, head, INPUTS, "logits"))
    one = session.run(None, {**_ids([[2, 3]]), "attention_mask": np.array([[1, 1]])})[0]
    padded = session.run(None, {**_ids([[2, 3, 0, 0]]), "attention_mask": np.array([[1, 1, 0, 0]])})[0]
    np.testing.assert_array_equal(one, padded)


def test_texts_of_nothing_known_get_finite_scores(table):
    model = compsel.make_student(table).model
    scores = open_session(model.to_proto()).run(None, {**_ids([[1]]), "attention_mask": np.ones((1, 1), np.int64)})[0]
    assert np.isfinite(scores).all()


def _ids(rows):
    return {"input_ids": np.array(rows, np.int64)}


def test_refitting_keeps_the_features_and_forgets_the_rest(encoder, table):
    model = compsel.make_student(table, encoder=encoder).model
    np.testing.assert_allclose(answers(refit(model, table), table), answers(model, table), atol=0.05)
    part = refit(model, table.subset(range(0, 150, 2)))
    assert learned_from(part, table).tolist() == [True, False] * 75
    assert not np.allclose(answers(part, table), answers(model, table), atol=1e-2)


@pytest.mark.parametrize("spec", ["student", "student:0", "student:4"])
def test_as_a_technique_without_labels_it_learns_the_models_answers(table, spec):
    model = classifier(blocks=2)
    student = parse(spec).apply(model, Unlabelled(table))
    assert student.name == model.name and student.labels == LABELS
    assert (answers(student, table).argmax(1) == answers(model, table).argmax(1)).mean() > 0.95


def test_pairs_that_stand_in_one_text_only_are_no_features():
    texts = [np.array(ids, np.int64) for ids in ([0, 3, 4, 1], [0, 3, 4, 1], [0, 4, 3, 1])]
    tables = make_tables(texts, n_ids=5, special=[0, 1], vectors=None)
    found = {pair: tables.pairs[pair_slots(np.array(pair))[0]] > 0 for pair in [(3, 4), (4, 3), (0, 3)]}
    assert found == {(3, 4): True, (4, 3): False, (0, 3): True}
    assert tables.unigrams.tolist() == [0, 0, 0, 1, 2, 0]


def test_images(tmp_path):
    rng = np.random.default_rng(0)
    labels = [index % 2 for index in range(80)]
    stripes = np.tile(np.arange(48) // 4 % 2 * 160, (48, 1))
    images = [
        np.repeat((stripes if label else stripes.T)[:, :, None], 3, axis=2) + rng.integers(0, 90, (48, 48, 3))
        for label in labels
    ]
    samples = ArraySamples([np.asarray(image, np.uint8) for image in images], labels=labels)
    fitted = compsel.make_student(samples)
    assert fitted.accuracy > 0.95
    loaded = compsel.Model.load(fitted.model.save(tmp_path / "student.onnx"))
    assert share_right(loaded, samples) > 0.95
    assert share_right(refit(loaded, samples.subset(range(40))), samples) > 0.9


def test_what_cannot_be_made(encoder, table):
    with pytest.raises(SamplesError, match="no labels"):
        compsel.make_student(Unlabelled(table))
    with pytest.raises(NotApplicableError, match="has no tokenizer"):
        compsel.make_student(table, encoder=build("minilm-l1", width=1 / 12))
    with pytest.raises(NotApplicableError, match="no tokenizer"):
        parse("student").apply(build("mobilenet-v1", width=0.25, resolution=32), table)
