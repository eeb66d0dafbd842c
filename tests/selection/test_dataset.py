"""What policies are trained on, with labels for all, for some, and for none."""

from dataclasses import replace

import numpy as np

from compsel.selection.cascade.fitting import fit_cascade
from compsel.selection.dataset import Outcome
from tests.selection.simulated import simulated_dataset

DATASET = simulated_dataset(300, skills=(6.0, 14.0))


def partly(n_labelled: int):
    """The dataset where only so many samples have labels, as a profile gives it."""
    targets = DATASET.targets.copy()
    targets[n_labelled:] = -1
    return replace(DATASET, targets=targets)._with_what_labels_there_are()


def test_enough_labels_say_what_is_right_and_the_others_are_kept():
    dataset = partly(100)
    assert len(dataset.targets) == len(dataset.quality) == 100
    assert [len(one.classes) for one in dataset.unlabelled] == [200, 200]
    assert dataset.reference == ""
    assert len(dataset.among([1]).unlabelled) == 1


def test_too_few_labels_are_none():
    dataset = partly(10)
    assert dataset.reference == "m1/none"
    assert len(dataset.targets) == 300 and not dataset.unlabelled
    assert dataset.quality[:, 1].all()


def test_all_inputs_alike_for_what_needs_no_labels():
    everything = partly(100).with_unlabelled()
    assert [len(one.classes) for one in everything.evidence] == [300, 300]
    assert (everything.targets[100:] == -1).all() and np.isnan(everything.quality[100:]).all()
    assert len(np.unique(everything.groups)) == 300


def test_inputs_without_labels_count_in_transitions_only():
    few = partly(100)
    alone, helped = (
        fit_cascade(few.names, few.evidence, few.targets, unlabelled=unlabelled) for unlabelled in ((), few.unlabelled)
    )
    assert np.array_equal(alone.nodes[1].coefficients, helped.nodes[1].coefficients)
    assert not np.array_equal(alone.nodes[1].grid, helped.nodes[1].grid)


def test_outcomes_are_put_together_by_who_answered():
    one, other = (Outcome(np.full(3, q), np.full(3, 1.0 + q), np.full(3, name)) for q, name in ((0.0, "a"), (1.0, "b")))
    mixed = Outcome.each_from([one, other], np.array([0, 1, 0]))
    assert mixed.quality.tolist() == [0, 1, 0] and mixed.variants.tolist() == ["a", "b", "a"]
    assert np.isnan(mixed.without(np.array([True, False, False])).latency_ms).tolist() == [True, False, False]
    assert mixed.choices == {"a": 2, "b": 1}
