"""What a model learned from is known wherever its quality is judged."""

from pathlib import Path

import pytest

import compsel
from compsel.building.learned_elsewhere import without_learned_elsewhere
from compsel.building.options import Measuring
from compsel.bundle.bundle import Bundle
from compsel.errors import ObjectiveError, ProfileError
from compsel.evaluation.evaluate import evaluate
from compsel.inputs.samples import ArraySamples, Samples, TextTable
from compsel.profiling.latency import Criterion
from compsel.runtime import Runtime
from compsel.techniques.heads.folds import sample_hashes
from compsel.techniques.heads.learned import Learned, with_learned
from tests.text_models import classifier, write_table


class Heard:
    def __init__(self) -> None:
        self.messages: list[str] = []

    def say(self, message: str) -> None:
        self.messages.append(message)

    def track(self, items, label):
        return items


def texts(*names: str) -> Samples:
    return ArraySamples(list(names), labels=[0] * len(names))


def test_samples_that_a_model_learned_among_many_others_are_left_out() -> None:
    model = with_learned(classifier(), Learned("head", {}, sample_hashes(texts("a", "b", "c", "d", "e"))))
    heard = Heard()
    left = without_learned_elsewhere([model], texts("a", "x", "y"), heard)
    assert [left.value(index) for index in range(len(left))] == ["x", "y"]
    assert "1 samples are left out" in heard.messages[0] and "4 others" in heard.messages[0]
    whole = texts("a", "b", "c", "d", "x")
    assert without_learned_elsewhere([model], whole, heard) is whole
    with pytest.raises(ProfileError, match="fitted on all"):
        without_learned_elsewhere([model], texts("a"), heard)


def test_evaluations_warn_and_certificates_are_refused(tmp_path: Path) -> None:
    samples = TextTable(write_table(tmp_path / "intents.csv", 120))
    measuring = Measuring(
        techniques=["student:0"], processors=["cpu:1"], states=["idle"], criterion=Criterion(min_runs=2, budget_s=0.3)
    )
    models = [classifier(blocks=2)]
    compsel.build(models, samples, tmp_path / "bundle", measuring=measuring)
    with Runtime(Bundle.load(tmp_path / "bundle")) as runtime:
        for table, known in (
            (samples.subset(range(30)), True),
            (TextTable(write_table(tmp_path / "o.csv", 30, 7)), False),
        ):
            heard = Heard()
            evaluate(runtime, table, repeats=1, reporter=heard)
            assert any("learned from 30 of these 30" in message for message in heard.messages) == known
    with pytest.raises(ObjectiveError, match="none learned from"):
        compsel.build(
            models,
            samples,
            tmp_path / "certified",
            measuring=measuring,
            certify="80 % agreement",
            work=tmp_path / "bundle.work",
        )
