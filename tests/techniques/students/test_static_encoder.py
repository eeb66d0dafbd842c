"""Static encoders: of a vocabulary alone, of texts without labels, as a technique, and below a head."""

from dataclasses import replace

import numpy as np
import pytest
from onnx import TensorProto, helper

import compsel
from compsel.errors import NotApplicableError, TechniqueError
from compsel.inputs.feeds import feeds_of
from compsel.models.embeddings import gives_embedding
from compsel.models.graph_session import open_session
from compsel.models.model import Model
from compsel.networks import build
from compsel.techniques import parse
from compsel.techniques.heads.learned import learned_from
from compsel.techniques.refitting import refit
from compsel.techniques.students.static_table import fit_table, frequencies, sums_of
from tests.encoder_weights import published
from tests.techniques.heads.test_fitting import Unlabelled, answers, share_right
from tests.text_models import WORDS, classifier, words_tokenizer


def cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return np.asarray((one * other).sum(axis=1) / lengths)


@pytest.fixture(scope="module")
def random_encoder() -> Model:
    """An encoder whose weights are far from those of initialisation."""
    options = {"width": 1 / 12, "tokenizer": words_tokenizer()}
    return build("minilm-l2", weights=published(build("minilm-l2", **options)), **options)


def test_of_the_vocabulary_alone_it_is_like_the_encoder_and_has_its_coordinates(random_encoder, table, tmp_path):
    made = compsel.make_static_encoder(random_encoder)
    assert not len(made.similarity) and learned_from(made.model, table).sum() == 0
    model = Model.load(made.model.save(tmp_path / "static.onnx"))
    assert (tmp_path / "static.tokenizer.json").is_file()
    ours, theirs = answers(model, table), answers(random_encoder, table)
    assert ours.shape == theirs.shape and gives_embedding(model)
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-3)
    assert cosines(ours, theirs).mean() > cosines(ours, np.roll(theirs, 1, axis=0)).mean() + 0.1


def test_texts_without_labels_make_it_more_alike_on_others(random_encoder, table):
    rest = table.subset(range(120, 150))
    made = compsel.make_static_encoder(random_encoder, Unlabelled(table.subset(range(120))))
    theirs = answers(random_encoder, rest)
    alone = cosines(answers(compsel.make_static_encoder(random_encoder).model, rest), theirs).mean()
    found = cosines(answers(made.model, rest), theirs).mean()
    assert found > alone + 0.05
    # what it says of itself is what it is on texts that it did not see
    assert made.similarity.shape == (120,) and made.mean_similarity == pytest.approx(found, abs=0.05)
    assert learned_from(made.model, table).sum() == 120


def test_fewer_components_are_turned_back_and_take_less_room(random_encoder, table):
    full = compsel.make_static_encoder(random_encoder).model
    small = compsel.make_static_encoder(random_encoder, width=12).model
    assert small.fingerprint() != full.fingerprint()
    tables = [max(np.prod(tensor.dims) for tensor in model.proto.graph.initializer) for model in (small, full)]
    assert tables[0] / tables[1] == 12 / 32
    assert cosines(answers(small, table), answers(full, table)).mean() > 0.8


def test_a_head_learns_on_it(random_encoder, table):
    static = compsel.make_static_encoder(random_encoder).model
    fitted = compsel.fit_head(static, table.subset(range(120)))
    assert fitted.accuracy > 0.9
    assert share_right(fitted.model, table.subset(range(120, 150))) > 0.9


def test_padding_and_special_tokens_change_nothing(random_encoder):
    model = compsel.make_static_encoder(random_encoder).model
    session = open_session(model.to_proto())
    feeds = feeds_of(model, "play song")
    padded = {name: np.pad(array, ((0, 0), (0, 3)), constant_values=0) for name, array in feeds.items()}
    padded["input_ids"][0, -3:] = WORDS.index("rain")
    bare = {name: array[:, 1:-1] for name, array in feeds.items()}
    wanted = session.run(None, feeds)[0]
    for other in (padded, bare):
        np.testing.assert_allclose(session.run(None, other)[0], wanted, atol=1e-6)
    nothing = {name: array[:, :1] for name, array in feeds.items()}  # [CLS]
    assert (session.run(None, nothing)[0] == 0).all()


def test_as_a_technique_it_keeps_names_and_lengths_and_is_made_again_for_a_fold(random_encoder, table):
    longer = scaled(random_encoder, 3.0)
    made = parse("student").apply(longer, table)
    assert [spec.name for spec in made.outputs] == [spec.name for spec in longer.outputs]
    assert (made.name, made.technique) == (longer.name, "student")
    np.testing.assert_allclose(np.linalg.norm(answers(made, table), axis=1), 3, rtol=1e-3)
    part = table.subset(range(0, 150, 2))
    again = refit(made, part, teacher=longer)
    assert learned_from(again, table).tolist() == [True, False] * 75
    np.testing.assert_array_equal(answers(again, table), answers(parse("student").apply(longer, part), table))
    with pytest.raises(TechniqueError, match="give the encoder itself"):
        refit(made, part, teacher=made)


def scaled(model: Model, factor: float) -> Model:
    """Return an encoder whose outputs are so many times as long, under a name that says nothing."""
    proto = model.copy_proto()
    graph = proto.graph
    name = graph.output[0].name
    for node in graph.node:
        node.output[:] = ["inner" if output == name else output for output in node.output]
    graph.initializer.append(helper.make_tensor("factor", TensorProto.FLOAT, [], [factor]))
    graph.node.append(helper.make_node("Mul", ["inner", "factor"], [name]))
    return replace(model, proto=proto)


def test_what_cannot_be_made(random_encoder, table):
    tokens = build("minilm-l1", width=1 / 12, pooling="none", tokenizer=words_tokenizer())
    with pytest.raises(NotApplicableError, match="export the encoder with its pooling"):
        parse("student").apply(tokens, table)
    with pytest.raises(NotApplicableError, match="width 0"):
        parse("student:0").apply(random_encoder, table)
    with pytest.raises(NotApplicableError, match="no tokenizer"):
        compsel.make_static_encoder(build("minilm-l1", width=1 / 12))
    with pytest.raises(NotApplicableError, match="fixed length"):
        compsel.make_static_encoder(classifier(length=8))
    with pytest.raises(NotApplicableError, match="no class scores"):
        parse("early-exit:1").apply(random_encoder, table)


def test_one_vector_a_token_is_averaged(table):
    tokens = build("minilm-l1", width=1 / 12, pooling="none", tokenizer=words_tokenizer())
    assert answers(compsel.make_static_encoder(tokens).model, table).shape == (150, 32)


def test_letters_and_marks_are_no_rare_words():
    ids = {"[unused0]": 0, "<s>": 1, "!": 2, "e": 3, "the": 4, "##ing": 5, "\u0120lamp": 6, "\u6c34": 7}
    found = frequencies(ids, 9)
    np.testing.assert_allclose(found[:4], found[4])
    assert found[4] > found[5] > found[6] > found[7] and found[8] == found[4]
    assert found[4:8].sum() == pytest.approx(1)


def test_a_table_that_is_there_to_be_found_is_found():
    rng = np.random.default_rng(0)
    true = rng.normal(size=(40, 16)).astype(np.float32)
    texts = [rng.integers(1, 40, rng.integers(2, 9)) for _ in range(2000)]
    sums = sums_of(texts, [0], 40)
    outputs = sums @ true
    outputs /= np.linalg.norm(outputs, axis=1, keepdims=True)
    found = sums @ fit_table(rng.normal(size=(40, 16)).astype(np.float32), sums, outputs)
    assert cosines(found, outputs).mean() > 0.99
