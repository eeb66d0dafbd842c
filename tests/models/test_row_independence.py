import pytest

from compsel.inputs.samples import ArraySamples
from compsel.models.model import Model
from compsel.models.row_independence import has_independent_rows
from tests.batch_models import CASES
from tests.run_models import CASES as CASES_OF_RUN
from tests.run_models import floats


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("count", [1, 3])
def test_only_rows_that_do_not_know_of_each_other_are_independent(name: str, count: int) -> None:
    model, sample, _ = CASES[name]
    samples = ArraySamples([{key: value + number for key, value in sample.items()} for number in range(count)])
    assert has_independent_rows(model, samples) == (name == "rows")


@pytest.mark.parametrize("name", ["only large values mix rows", "softmax over rows", "probabilities", "dense"])
@pytest.mark.parametrize("alike", [True, False])
def test_rows_that_only_some_numbers_mix_are_not(name: str, alike: bool) -> None:
    model = Model.from_proto(CASES_OF_RUN[name]().model, "model")
    samples = ArraySamples([{"x": floats(1, 4, seed=0 if alike else seed)} for seed in range(3)])
    assert has_independent_rows(model, samples) == (name in ("probabilities", "dense"))
