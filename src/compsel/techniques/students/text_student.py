"""Fit a text student: n-grams of token ids, and where there is an encoder its static vectors, under one linear head."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from compsel.inputs.samples import Samples
from compsel.inputs.tensor_specs import TensorSpec
from compsel.inputs.text import TEXT
from compsel.inputs.texts.preprocessing import TextPreprocessing
from compsel.models.model import Model
from compsel.techniques.heads.cross_validation import fit_by_cross_validation
from compsel.techniques.heads.fitting import FittedModel
from compsel.techniques.heads.folds import fold_of, sample_hashes
from compsel.techniques.heads.learned import Learned, with_learned
from compsel.techniques.heads.softmax_regression import fit_softmax_regression
from compsel.techniques.heads.targets import check_enough
from compsel.techniques.students.static_vectors import static_vectors
from compsel.techniques.students.student_graph import student_graph, tables_of
from compsel.techniques.students.token_tables import design_of, make_tables

__all__ = ["INPUTS", "fit_text_student", "refit_text_student", "token_ids"]

#: of a student that no model gives its inputs
INPUTS = (TensorSpec("input_ids", "int64", (None, None)), TensorSpec("attention_mask", "int64", (None, None)))
KIND = "student"


# many parameters: what the technique and the command vary
def fit_text_student(
    samples: Samples,
    targets: NDArray[np.float32],
    preprocessing: TextPreprocessing,
    *,
    encoder: Model | None = None,
    width: int = 256,
    inputs: Sequence[TensorSpec] = INPUTS,
    output: str = "logits",
    name: str = KIND,
    labels: tuple[str, ...] = (),
) -> FittedModel:
    """Fit a student on texts.

    Args:
        samples: texts.
        targets: float32 (n, classes), what is learned.
        preprocessing: the tokenizer.
        encoder: whose static vectors are used; it has the same tokenizer. None: n-grams only.
        width: most components of the vectors.
        inputs: of the graph.
        output: name of the class scores.
        name: of the model.
        labels: names of the classes.

    Raises:
        SamplesError: too few samples of a class.
        NotApplicableError: an encoder that gives no vectors of its tokens.
    """
    check_enough(targets, labels)
    tokenizer = preprocessing.open()
    texts = token_ids(samples, preprocessing)
    vectors = None if encoder is None else static_vectors(encoder, tokenizer, width)
    before, after = tokenizer.frame()
    special = sorted({*before, *after, tokenizer.pad_id})
    tables = make_tables(texts, tokenizer.size(), special, vectors)
    found = fit_by_cross_validation(design_of(tables, texts), targets, fold_of(samples))
    model = Model(name, student_graph(tables, found.head, inputs, output), preprocessing, labels=labels)
    return FittedModel.of(model, KIND, found, targets, samples)


def refit_text_student(model: Model, learned: Learned, samples: Samples, targets: NDArray[np.float32]) -> Model:
    """Fit a student anew on the same features, with the regularisation that was found before."""
    assert isinstance(model.preprocessing, TextPreprocessing)
    tables = tables_of(model)
    design = design_of(tables, token_ids(samples, model.preprocessing))
    head = fit_softmax_regression(design, targets, float(learned.options["l2"]))
    proto = student_graph(tables, head, model.inputs, model.outputs[0].name)
    return with_learned(replace(model, proto=proto), Learned(learned.kind, learned.options, sample_hashes(samples)))


def token_ids(samples: Samples, preprocessing: TextPreprocessing) -> list[NDArray[np.int64]]:
    """Return the ids of the tokens of each text, int64 (n_tokens,)."""
    tokenizer, most = preprocessing.open(), preprocessing.max_tokens
    return [tokenizer.encode(TEXT.decode(samples.value(index)), most).ids[0] for index in range(len(samples))]
