"""What tests of heads and of students learn from."""

import pytest

from compsel.inputs.samples import TextTable
from compsel.models.model import Model
from compsel.networks import build
from tests.text_models import words_tokenizer, write_table


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> TextTable:
    return TextTable(write_table(tmp_path_factory.mktemp("table") / "intents.csv", 150))


@pytest.fixture(scope="module")
def encoder() -> Model:
    return build("minilm-l2", width=1 / 12, tokenizer=words_tokenizer())
