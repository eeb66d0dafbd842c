"""Labels that no network predicts better than guessing stop a build; what they may suffer from is named."""

import numpy as np
import pytest
from numpy.typing import NDArray

from compsel.errors import ProfileError
from compsel.profiling.label_check import check_labels

Classes = NDArray[np.int64]


def drawn(n: int, n_classes: int = 1000, seed: int = 0) -> Classes:
    return np.random.default_rng(seed).integers(0, n_classes, n)


def right_for(labels: Classes, share: float, n_classes: int = 1000, seed: int = 1) -> Classes:
    """Answers that are right for a share of the samples, and anything else for the others."""
    generator = np.random.default_rng(seed)
    wrong = (labels + generator.integers(1, n_classes, len(labels))) % n_classes
    return np.where(generator.permutation(len(labels)) < round(share * len(labels)), labels, wrong)


@pytest.mark.parametrize("n", [3, 6, 20, 600])
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_a_network_that_works_passes(n: int, share: float) -> None:
    labels = drawn(n)
    check_labels(labels, {"net": right_for(labels, share)}, 1000)


def test_a_poor_network_is_better_than_guessing() -> None:
    labels = drawn(600)
    assert check_labels(labels, {"net": right_for(labels, 0.03)}, 1000) == ""


@pytest.mark.parametrize("n", [24, 60, 600])
def test_labels_that_have_nothing_to_do_with_the_answers_are_an_error(n: int) -> None:
    """One of 600 photographs right, 0.17 %, of a thousand classes: what once was praised as 4.2 times as fast."""
    labels = drawn(n)
    answers = right_for(labels, 1 / 600)
    with pytest.raises(
        ProfileError, match=r"^labels: no network predicts them better than guessing: the best one, net"
    ):
        check_labels(labels, {"net": answers}, 1000)


def test_the_message_says_what_was_got_what_guessing_gives_and_what_to_do() -> None:
    labels = drawn(600)
    with pytest.raises(ProfileError) as failure:
        check_labels(labels, {"net": right_for(labels, 1 / 600)}, 1000)
    said = str(failure.value)
    assert "right for 0.17 % of 600 samples, guessing for 0." in said
    for words in ("order of the classes", "weights", "preprocessing", "or build without labels"):
        assert words in said


def test_one_network_of_several_is_enough() -> None:
    labels = drawn(100)
    answers = {"lost": right_for(labels, 0.0), "found": right_for(labels, 0.6), "also lost": drawn(100, seed=5)}
    assert check_labels(labels, answers, 1000) == ""


def test_a_dominant_class_is_not_skill() -> None:
    """Nine of ten labels are one class: who always says it is right for 90 %."""
    labels = np.where(np.arange(600) % 10 == 0, 1, 0)
    with pytest.raises(ProfileError, match=r"right for 90\.0 % of 600 samples, guessing for 90\.0 %"):
        check_labels(labels, {"net": np.zeros(600, np.int64)}, 2)
    assert check_labels(labels, {"net": right_for(labels, 0.95, 2)}, 2) == ""


def test_of_samples_of_one_class_those_are_right_that_say_it() -> None:
    labels = np.full(50, 7)
    assert check_labels(labels, {"net": right_for(labels, 0.6)}, 1000) == ""
    with pytest.raises(ProfileError, match="no network"):
        check_labels(labels, {"net": right_for(labels, 0.0)}, 1000)


@pytest.mark.parametrize("shift", [1, -1, 12])
def test_labels_that_are_off_by_a_constant_are_told_by_how_much(shift: int) -> None:
    labels = 20 + drawn(12, 900)
    answers = {"net": right_for(labels + shift, 0.7)}
    with pytest.raises(ProfileError, match=rf"labels \{shift:+d} would be right for (66|75)\.\d % \(net\)"):
        check_labels(labels, answers, 1001)


def test_another_order_of_the_classes_is_seen_in_the_answers() -> None:
    labels = drawn(200, 10)
    order = np.random.default_rng(3).permutation(10)
    order = np.roll(order, 1) if (order == np.arange(10)).any() else order
    with pytest.raises(ProfileError, match=r"in another order of the classes [78]\d\.\d % would be right \(net\)"):
        check_labels(order[labels], {"net": right_for(labels, 0.8, 10)}, 10)


def test_a_network_that_always_gives_the_same_answer_is_told() -> None:
    labels = drawn(60)
    answers = np.where(np.arange(60) < 55, 421, drawn(60, seed=8))
    with pytest.raises(
        ProfileError, match=r"it answers class 421 for 91\.7 % of them: check that its weights were loaded"
    ):
        check_labels(labels, {"net": answers}, 1000)


def test_random_weights_are_named() -> None:
    labels = drawn(60)
    with pytest.raises(ProfileError, match="the weights of net are random: export it with --weights"):
        check_labels(labels, {"net": drawn(60, seed=8)}, 1000, random_weights=["net"])


def test_too_few_samples_to_tell_are_a_doubt_and_no_error() -> None:
    labels = drawn(8)
    said = check_labels(labels, {"net": right_for(labels, 0.0)}, 1000)
    assert said.startswith("few samples, but no network predicts them better than guessing")


def test_good_networks_are_hardly_ever_stopped() -> None:
    """Right for half of 20 samples, of a thousand classes or of ten, a thousand times."""
    for n_classes in (10, 1000):
        for seed in range(1000):
            labels = drawn(20, n_classes, seed)
            generator = np.random.default_rng(seed)
            answers = np.where(generator.random(20) < 0.5, labels, generator.integers(0, n_classes, 20))
            check_labels(labels, {"net": answers}, n_classes)


@pytest.mark.parametrize("n_classes", [2, 10, 1000])
def test_guessing_hardly_ever_passes(n_classes: int) -> None:
    passed = sum(
        _passes(drawn(100, n_classes, seed), drawn(100, n_classes, 10_000 + seed), n_classes) for seed in range(300)
    )
    assert passed <= 9  # one of a hundred, and what chance adds


def _passes(labels: Classes, answers: Classes, n_classes: int) -> bool:
    """Whether answers pass without a doubt."""
    try:
        return check_labels(labels, {"net": answers}, n_classes) == ""
    except ProfileError:
        return False


@pytest.mark.parametrize("n_classes", [12, 1000])
def test_alphabetical_and_numeric_order_are_recognised(n_classes: int) -> None:
    """A folder by classes lists "0", "1", "10", "11", "2": labels that count that way, or a model that does."""
    listed = np.array(sorted(range(n_classes), key=str))
    truth = drawn(300, n_classes)
    answers = right_for(truth, 0.8, n_classes)
    for labels, says in ((np.argsort(listed)[truth], "the labels count the classes in alphabetical order"),
                         (listed[truth], "the model's classes are in alphabetical order")):  # fmt: skip
        with pytest.raises(ProfileError, match=f"{says}.* would be right then .net."):
            check_labels(labels, {"net": answers}, n_classes)
