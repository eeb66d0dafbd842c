import numpy as np
import pytest

from compsel.models.output_kind import output_kind


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        (np.array([[1.0, -2.0, 3.0]], np.float32), "logits"),
        (np.array([[0.25, 0.5, 0.25]], np.float32), "probabilities"),
        (np.array([[0.5, 0.5], [0.5, 0.5]], np.float32), "other"),
        (np.array([[1.0]], np.float32), "other"),
        (np.tile(np.array([[0.25, -0.25]], np.float32), 8), "other"),  # of length 1: an embedding
        (np.tile(np.array([[0.5, -0.25]], np.float32), 8), "logits"),
        (np.array([[0.6, -0.8]], np.float32), "logits"),
        (np.zeros((1, 3, 4), np.float32), "other"),
        (np.zeros((1, 3), np.int64), "other"),
        ([{0: 0.5, 1: 0.5}], "other"),
    ],
)
def test_what_the_first_output_is(output, kind):
    assert output_kind([output]) == kind
