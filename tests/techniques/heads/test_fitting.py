"""Heads on encoders and early exits: fitted, refused, fitted anew."""

from dataclasses import replace

import numpy as np
import pytest

import compsel
from compsel.errors import NotApplicableError, SamplesError, TechniqueError
from compsel.inputs.feeds import feeds_of
from compsel.inputs.samples import ListedSamples
from compsel.models.graph_session import open_session
from compsel.networks import build
from compsel.techniques import parse
from compsel.techniques.heads.learned import learned_from, learned_of
from compsel.techniques.refitting import refit
from tests.text_models import LABELS, classifier, words_tokenizer


class Unlabelled(ListedSamples):
    """The same samples without labels."""

    def __init__(self, samples):
        self.samples = samples
        super().__init__(samples.names)

    def value(self, index):
        return self.samples.value(index)


def answers(model, samples):
    session = open_session(model.to_proto())
    names = {value.name for value in session.get_inputs()}
    feeds = [feeds_of(model, samples.value(index)) for index in range(len(samples))]
    return np.concatenate([session.run(None, {k: v for k, v in f.items() if k in names})[0] for f in feeds])


def share_right(model, samples):
    return (answers(model, samples).argmax(1) == np.array(samples.labels)).mean()


def test_a_head_on_an_encoder_is_right_and_says_how_often(encoder, table, tmp_path):
    fitted = compsel.fit_head(encoder, table.subset(range(100)))
    assert fitted.model.labels == LABELS
    assert fitted.accuracy > 0.5  # of three classes, on random weights
    assert abs(share_right(fitted.model, table.subset(range(100, 150))) - fitted.accuracy) < 0.2
    loaded = compsel.Model.load(fitted.model.save(tmp_path / "head.onnx"))
    np.testing.assert_array_equal(answers(loaded, table), answers(fitted.model, table))
    assert learned_from(loaded, table).tolist() == [True] * 100 + [False] * 50


def test_refitting_forgets_what_was_learned_before(encoder, table):
    fitted = compsel.fit_head(encoder, table).model
    part = table.subset(range(0, 150, 2))
    again, fresh = refit(fitted, part), refit(compsel.fit_head(encoder, part).model, part)
    if learned_of(fitted).options == learned_of(fresh).options:
        np.testing.assert_allclose(answers(again, part), answers(fresh, part), atol=1e-3)
    assert learned_from(again, table).tolist() == [True, False] * 75
    assert not np.allclose(answers(again, part), answers(fitted, part), atol=1e-3)


def test_what_did_not_learn_or_was_compressed_cannot_be_refitted(encoder, table):
    with pytest.raises(TechniqueError, match="did not learn"):
        refit(encoder, table)
    fitted = compsel.fit_head(encoder, table).model
    with pytest.raises(TechniqueError, match="compressed after it had learned"):
        refit(parse("int8-dynamic").apply(fitted), table)


def test_an_early_exit_learns_from_labels_and_without_them_from_the_model(table):
    model = classifier(blocks=3)
    labelled = parse("early-exit:2").apply(model, table)
    assert labelled.labels == LABELS and labelled.technique == "early-exit:2"
    assert len(labelled.proto.graph.node) < len(model.proto.graph.node)
    assert share_right(labelled, table) > 0.95
    unlabelled = parse("early-exit:2").apply(model, Unlabelled(table))
    agreement = (answers(unlabelled, table).argmax(1) == answers(model, table).argmax(1)).mean()
    assert agreement > 0.95


def test_samples_that_reach_a_stage_can_weigh_more(encoder, table):
    reaches = np.array(table.labels) != 0
    weight = np.where(reaches, 1.0, 1e-6).astype(np.float32)
    weighted = compsel.fit_head(encoder, table, sample_weight=weight).model
    predicted = answers(weighted, table).argmax(1)
    assert (predicted[reaches] == np.array(table.labels)[reaches]).mean() > 0.9
    assert (predicted == 0).mean() < 0.2


@pytest.mark.parametrize(
    ("spec", "message"),
    [("early-exit:9", "has 2 blocks: allowed are 1 to 1"), ("early-exit:1", "no class scores")],
)
def test_early_exits_that_do_not_apply(encoder, table, spec, message):
    model = encoder if "scores" in message else build("minilm-l2", width=1 / 12, classes=3, tokenizer=words_tokenizer())
    if "scores" in message:
        model = build("minilm-l2", width=1 / 12, pooling="none", tokenizer=words_tokenizer())
    with pytest.raises(NotApplicableError, match=message):
        parse(spec).apply(model, table)


def test_one_score_has_no_early_exit(table):
    with pytest.raises(NotApplicableError, match="gives one number, and a head is learned for two or more class"):
        parse("early-exit:1").apply(build("minilm-l2", width=1 / 12, classes=1, tokenizer=words_tokenizer()), table)


def test_too_few_samples_are_refused_with_what_is_needed(encoder, table):
    with pytest.raises(SamplesError, match=r"3 of 3 classes have fewer than 5.*9 more of those classes are needed"):
        compsel.fit_head(encoder, table.subset(range(6)))
    with pytest.raises(SamplesError, match="1 classes, at least 2"):
        compsel.fit_head(encoder, table.subset(range(0, 60, 3)))
    with pytest.raises(SamplesError, match="no labels"):
        compsel.fit_head(encoder, Unlabelled(table))


def test_a_chain_learns_where_a_part_of_it_does():
    assert parse("early-exit:1+int8-dynamic").learns
    assert not parse("prune+int8-dynamic").learns


def test_labels_beyond_the_classes_are_refused(table):
    with pytest.raises(SamplesError, match="got label 2, allowed are 0 to 1"):
        parse("early-exit:1").apply(_two_classes(), table)


def _two_classes():
    model = classifier(blocks=3)
    proto = model.copy_proto()
    proto.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 2
    return replace(model, proto=proto)
