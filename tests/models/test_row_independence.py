import pytest

from compsel.inputs.samples import ArraySamples
from compsel.models.row_independence import has_independent_rows
from tests.batch_models import CASES


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("count", [1, 3])
def test_only_rows_that_do_not_know_of_each_other_are_independent(name: str, count: int) -> None:
    model, sample, _ = CASES[name]
    samples = ArraySamples([{key: value + number for key, value in sample.items()} for number in range(count)])
    assert has_independent_rows(model, samples) == (name == "rows")
