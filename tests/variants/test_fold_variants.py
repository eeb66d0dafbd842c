"""What judges a variant that learned from the samples never learned from the sample that it answers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from compsel.building.measure import measure
from compsel.building.options import Measuring
from compsel.errors import NotApplicableError
from compsel.inputs.samples import TextTable
from compsel.models.model import Model
from compsel.processors import CpuProcessor
from compsel.profiling.latency import Criterion
from compsel.profiling.profile import Profile
from compsel.selection.costs.fitting import fit_costs
from compsel.selection.dataset import SelectionDataset
from compsel.selection.objective import Objective
from compsel.selection.training.comparison import train
from compsel.selection.training.trainers import CascadeTrainer, SingleBestTrainer
from compsel.selection.training.trainers.base import FittedPolicy
from compsel.techniques import parse
from compsel.techniques.heads.folds import FOLDS, fold_of
from compsel.techniques.heads.learned import learned_from
from compsel.variants.engine import Engine
from compsel.variants.fold_variants import build_fold_variants
from compsel.variants.learned_parts import LearnedParts
from compsel.variants.variant import Variant
from tests.text_models import classifier, write_table

SPECS = ["student:0", "early-exit:1", "early-exit:1+int8-dynamic"]


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> TextTable:
    return TextTable(write_table(tmp_path_factory.mktemp("table") / "intents.csv", 150))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def measured(samples: TextTable, folder: Path) -> Profile:
    measuring = Measuring(
        techniques=SPECS, processors=["cpu:1"], states=["idle"], criterion=Criterion(min_runs=2, budget_s=0.5)
    )
    found, left_out = measure([classifier(blocks=3, noise=0.05)], samples, folder, measuring)
    assert not left_out
    return found


def parts(samples: TextTable) -> LearnedParts:
    return LearnedParts({"words": classifier(blocks=3, noise=0.05)}, samples)


def test_each_fold_is_answered_by_what_never_saw_it(measured: Profile, samples: TextTable, folder: Path) -> None:
    files = folder / "variants"
    folds = build_fold_variants(measured.variants, files, parts(samples), samples.spread(50))
    assert folds is not None and set(folds.variants) == {f"words/{spec}" for spec in SPECS}
    for name in ("words/student:0", "words/early-exit:1"):
        for fold, variant in enumerate(folds.variants[name]):
            seen = learned_from(Model.load(files / variant.tensor_file), samples)
            np.testing.assert_array_equal(seen, folds.fold_of != fold)
        shipped = next(variant for variant in measured.variants if variant.name == name)
        assert learned_from(Model.load(files / shipped.tensor_file), samples).all()


def test_quality_is_that_of_the_variant_without_the_fold(measured: Profile, samples: TextTable, folder: Path) -> None:
    files = folder / "variants"
    folds = build_fold_variants(measured.variants, files, parts(samples), samples.spread(50))
    assert folds is not None and measured.folds is not None
    np.testing.assert_array_equal(measured.folds, fold_of(samples))
    name = "words/early-exit:1+int8-dynamic"
    column = measured.names.index(name)

    def answers(variant: Variant) -> list[int]:
        engine = Engine(variant, files, CpuProcessor(1))
        return [int(engine(samples.value(index))[0].argmax()) for index in range(len(samples))]

    by_fold = [answers(variant) for variant in folds.variants[name]]
    expected = [by_fold[fold][index] for index, fold in enumerate(folds.fold_of)]
    assert measured.evidence[column].classes[:, 0].tolist() == expected


def test_selectors_are_judged_by_the_same_folds(measured: Profile) -> None:
    assert measured.latency is not None and measured.folds is not None
    dataset = SelectionDataset.from_profile(measured, fit_costs(measured.latency), {})
    trained_on: list[set[int]] = []

    class Spy(CascadeTrainer):
        def fit(self, dataset: SelectionDataset, objective: Objective) -> FittedPolicy:
            assert dataset.folds is not None
            trained_on.append(set(dataset.folds.tolist()))
            return super().fit(dataset, objective)

    train(dataset, trainers=[SingleBestTrainer(), Spy()])
    everything = set(range(FOLDS))
    assert trained_on == [*(everything - {fold} for fold in range(FOLDS)), everything]


def test_equal_samples_share_a_fold(samples: TextTable) -> None:
    texts = [samples.value(index) for index in range(len(samples))]
    folds = fold_of(samples)
    assert all(len({folds[place] for place, one in enumerate(texts) if one == text}) == 1 for text in texts)


def test_what_learns_from_too_few_is_left_out_with_the_number_needed(tmp_path: Path) -> None:
    few = TextTable(write_table(tmp_path / "few.csv", 9))
    with pytest.raises(NotApplicableError, match=r"student.*needed"):
        parse("student:0").apply(classifier(), few)


def test_nothing_learned_nothing_folded(measured: Profile, samples: TextTable, folder: Path) -> None:
    plain = [variant for variant in measured.variants if variant.technique == "none"]
    assert build_fold_variants(plain, folder / "variants", parts(samples), samples) is None
    assert replace(measured, folds=None).take([0, 1]).folds is None
