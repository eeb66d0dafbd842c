"""Labels of tables that are no class each: several numbers or names, and real numbers."""

import numpy as np
import pytest

from compsel.errors import SamplesError
from compsel.inputs.samples import TextTable
from compsel.inputs.samples.classes import ClassLabels


def table(folder, *labels):
    path = folder / "texts.csv"
    path.write_text("text,label\n" + "".join(f'words {row},"{label}"\n' for row, label in enumerate(labels)))
    return TextTable(path)


@pytest.mark.parametrize(
    ("labels", "targets"),
    [
        (("2 4", "3", "0 1 4"), [(2, 4), (3,), (0, 1, 4)]),
        (("2, 4", "3", "[0, 1]"), [(2, 4), (3,), (0, 1)]),
        (("2;4", "3|1", "[]"), [(2, 4), (3, 1), ()]),
        (("3 4 1", "3 3 0", "1 1 1"), [(3, 4, 1), (3, 3, 0), (1, 1, 1)]),
        (("0.5", "2", "-1.25"), [0.5, 2.0, -1.25]),
        (("cat|dog", "dog", "ant; cat"), [(1, 2), (2,), (0, 1)]),
    ],
)
def test_labels_that_are_no_class_are_targets(labels, targets, tmp_path):
    samples = table(tmp_path, *labels)
    assert [samples.target(row) for row in range(3)] == targets
    assert samples.labels == (None, None, None)
    assert samples.subset([2]).target(0) == targets[2]
    assert samples.description == "3 texts; labels from texts.csv"


def test_a_zero_or_one_for_each_class(tmp_path):
    samples = table(tmp_path, "0 1 1", "1 0 0")
    assert [samples.target(row).tolist() for row in range(2)] == [[0, 1, 1], [1, 0, 0]]
    assert isinstance(samples.target(0), np.ndarray)


def test_names_are_ordered_as_the_model_has_them(tmp_path):
    samples = table(tmp_path, "cat|dog", "dog", "ant").ordered_by(("dog", "cat", "ant", "bee"))
    assert [samples.target(row) for row in range(3)] == [(1, 0), (0,), (2,)]
    assert samples.label_names == ("dog", "cat", "ant", "bee")


@pytest.mark.parametrize("labels", [("a|b", "c|d"), ("crane, bird", "crane, machine"), ("7", "3.0")])
def test_names_with_marks_in_them_and_whole_numbers_stay_classes(labels):
    assert ClassLabels.read(labels, "photos").targets == ()


def test_another_label_is_another_content(tmp_path):
    assert table(tmp_path, "2 4", "3").digest() != table(tmp_path, "2 3", "3").digest()


def test_where_classes_are_needed_the_place_of_another_label_is_said(tmp_path):
    with pytest.raises(SamplesError, match=r"line 2: got label '0\.5', allowed is a whole number"):
        table(tmp_path, "0.5", "1").check_classes()
    table(tmp_path, "0", "1").check_classes()
