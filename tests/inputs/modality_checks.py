"""What holds for every modality: the suite that a new one must pass."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compsel.errors import InputError, SamplesError
from compsel.inputs.modalities import modality_of, open_samples, preprocessing_from_dict, preprocessing_from_json
from compsel.inputs.modality import Modality
from compsel.inputs.preprocessing import Preprocessing
from compsel.inputs.tensor_specs import TensorSpec, check_feeds


@dataclass(frozen=True)
class PlainModel:
    """As much of a model as a modality needs to know."""

    name: str
    inputs: tuple[TensorSpec, ...]
    preprocessing: Preprocessing | None


@dataclass(frozen=True)
class Case:
    """A modality with a model that takes it, sources that it decodes, and what it refuses.

    Attributes:
        write_samples: fills a folder with two samples; returns where they are, if not the folder itself.
    """

    modality: Modality
    model: PlainModel
    sources: tuple[Any, ...]
    refused_sources: tuple[Any, ...]
    refused_values: tuple[Any, ...]
    write_samples: Callable[[Path], Path | None]

    def __str__(self) -> str:
        return self.model.name

    @property
    def values(self) -> list[Any]:
        return [self.modality.decode(source) for source in self.sources]


def check_is_the_modality_of_its_models(case: Case, folder: Path) -> None:
    assert modality_of(case.model) is case.modality
    assert case.modality.name and case.modality.name == case.modality.name.strip()


def check_decodes_the_same_each_time(case: Case, folder: Path) -> None:
    for source, value in zip(case.sources, case.values, strict=True):
        np.testing.assert_equal(case.modality.decode(source), value)


def check_size_is_a_number(case: Case, folder: Path) -> None:
    for value in case.values:
        size = case.modality.size(value)
        assert isinstance(size, float) and size > 0
        assert size == case.modality.size(value)


def check_resized_values_have_about_that_size_and_are_taken(case: Case, folder: Path) -> None:
    assert case.modality.unit
    for value in case.values:
        size = case.modality.size(value, case.model)
        for wanted in (0.25 * size, size, 3.0 * size, 20.0 * size):
            other = case.modality.resized(value, wanted, case.model)
            assert type(other) is type(value)
            assert abs(case.modality.size(other, case.model) - wanted) <= max(2.0, 0.15 * wanted)
            check_feeds(case.model.inputs, case.modality.feeds(case.model, other))
        assert case.modality.size(case.modality.resized(value, 2.0 * size)) > size


def check_feeds_fit_the_inputs(case: Case, folder: Path) -> None:
    for value in case.values:
        check_feeds(case.model.inputs, case.modality.feeds(case.model, value))


def check_named_tensors_pass_without_a_copy(case: Case, folder: Path) -> None:
    for value in case.values:
        feeds = case.modality.feeds(case.model, value)
        again = case.modality.feeds(case.model, feeds)
        assert all(again[name] is feeds[name] for name in feeds)


def check_named_tensors_that_do_not_fit_are_refused(case: Case, folder: Path) -> None:
    feeds = case.modality.feeds(case.model, case.values[0])
    with pytest.raises(InputError, match="allowed are exactly"):
        case.modality.feeds(case.model, {**feeds, "another": np.zeros(1)})


def check_graph_feeds_fit_the_graph(case: Case, folder: Path) -> None:
    for value in case.values:
        check_feeds(case.modality.graph_inputs(case.model), case.modality.graph_feeds(case.model, value))


def check_values_are_left_as_they_are(case: Case, folder: Path) -> None:
    for value in case.values:
        before = deepcopy(value)
        case.modality.size(value)
        case.modality.resized(value, 2 * case.modality.size(value), case.model)
        case.modality.feeds(case.model, value)
        case.modality.graph_feeds(case.model, value)
        np.testing.assert_equal(value, before)


def check_refuses_what_it_cannot_take(case: Case, folder: Path) -> None:
    for source in case.refused_sources:
        with pytest.raises(InputError):
            case.modality.decode(source)
    for value in case.refused_values:
        with pytest.raises(InputError):
            case.modality.feeds(case.model, value)
        with pytest.raises(InputError):
            case.modality.graph_feeds(case.model, value)


def check_makes_the_same_synthetic_values_each_time(case: Case, folder: Path) -> None:
    def refusal(feeds: Mapping[str, np.ndarray]) -> str:
        check_feeds(case.model.inputs, feeds)
        return ""

    values = case.modality.synthetic(case.model, 3, refusal)
    assert len(values) == 3
    np.testing.assert_equal(list(values), list(case.modality.synthetic(case.model, 3, refusal)))
    for value in values:
        check_feeds(case.model.inputs, case.modality.feeds(case.model, value))


def check_opens_its_samples(case: Case, folder: Path) -> None:
    place = case.write_samples(folder) or folder
    for samples in (case.modality.open_samples(place), open_samples(place)):
        assert len(samples) == 2 and samples.digest()
        for sample in samples:
            assert case.modality.size(sample.value) > 0
            case.modality.feeds(case.model, sample.value)


def check_a_folder_without_samples_is_refused(case: Case, folder: Path) -> None:
    for place in (folder, folder / "absent"):
        with pytest.raises(SamplesError):
            case.modality.open_samples(place)


def check_preprocessing_survives_as_json(case: Case, folder: Path) -> None:
    preprocessing = case.model.preprocessing
    if preprocessing is None:  # a modality may have models without one
        return
    assert case.modality.preprocessing is not None
    assert isinstance(preprocessing, case.modality.preprocessing)
    assert preprocessing.kind == case.modality.name
    assert preprocessing_from_json(preprocessing.to_json()) == preprocessing
    assert preprocessing_from_dict(preprocessing.to_dict()) == preprocessing


CHECKS: list[Callable[[Case, Path], None]] = [
    check_is_the_modality_of_its_models,
    check_decodes_the_same_each_time,
    check_size_is_a_number,
    check_resized_values_have_about_that_size_and_are_taken,
    check_feeds_fit_the_inputs,
    check_named_tensors_pass_without_a_copy,
    check_named_tensors_that_do_not_fit_are_refused,
    check_graph_feeds_fit_the_graph,
    check_values_are_left_as_they_are,
    check_refuses_what_it_cannot_take,
    check_makes_the_same_synthetic_values_each_time,
    check_opens_its_samples,
    check_a_folder_without_samples_is_refused,
    check_preprocessing_survives_as_json,
]
