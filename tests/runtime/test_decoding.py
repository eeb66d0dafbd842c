"""Encoded images in calls: decoded once, as finely as needed, and counted in latencies and deadlines."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import compsel
from compsel.inputs.images.encoded import EncodedImage
from compsel.inputs.samples import ArraySamples, ImageFolder
from compsel.profiling.profile import Profile
from compsel.runtime import Runtime
from compsel.runtime.planning.planner import Limits, Planner
from compsel.selection.policies import CascadePolicy, FixedPolicy
from tests.cascade_bundle import LOWER, NONE, cascade_policy

AtLoad = Callable[[Runtime, float], None]


@pytest.fixture(scope="module")
def photograph(photographs: dict[str, np.ndarray]) -> bytes:
    """An enlarged one: 2,048 pixels a side."""
    large = cv2.resize(photographs["chelsea"], (2048, 2048), interpolation=cv2.INTER_CUBIC)
    return cv2.imencode(".jpg", large[:, :, ::-1])[1].tobytes()


@pytest.fixture
def reductions(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """By how much each decoding reduced, in the order of the calls."""
    found: list[int] = []
    real = EncodedImage._decode

    def noted(self: EncodedImage, reduction: int) -> Any:
        found.append(reduction)
        return real(self, reduction)

    monkeypatch.setattr(EncodedImage, "_decode", noted)
    yield found


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[Limits]:
    """The limits that the planner was given."""
    found: list[Limits] = []
    plan = Planner.plan

    def noted(self: Planner, costs: Any, limits: Limits, *others: Any) -> Any:
        found.append(limits)
        return plan(self, costs, limits, *others)

    monkeypatch.setattr(Planner, "plan", noted)
    return found


def test_several_stages_share_one_decoding(
    runtime: Runtime, profile: Profile, crops: ArraySamples, at_load: AtLoad, reductions: list[int]
) -> None:
    cascade = runtime.with_policy(CascadePolicy(cascade_policy(profile).policy, 2000.0))
    at_load(cascade, 0.0)
    lengths = []
    for index in range(0, len(crops), 4):
        reductions.clear()
        large = cv2.resize(crops.value(index), (1100, 1100), interpolation=cv2.INTER_CUBIC)
        lengths.append(len(cascade(cv2.imencode(".jpg", large)[1].tobytes()).stages))
        assert reductions == [2]
    assert max(lengths) > 1


def test_a_small_variant_decodes_less(runtime: Runtime, photograph: bytes, reductions: list[int]) -> None:
    for name in (LOWER, NONE):
        runtime.with_policy(FixedPolicy(name))(photograph)
    preprocessings = [runtime.bundle.variants[name].preprocessing for name in (LOWER, NONE)]
    assert reductions == [preprocessing.reduction(2048, 2048) for preprocessing in preprocessings] == [8, 4]
    runtime.with_policy(runtime.bundle.policies["premodel"])(photograph)
    assert reductions[2:] == [4]


def test_a_fallback_that_needs_more_decodes_again(
    runtime: Runtime, photographs: dict[str, np.ndarray], at_load: AtLoad, reductions: list[int]
) -> None:
    data = cv2.imencode(".jpg", cv2.resize(photographs["chelsea"], (600, 600)))[1].tobytes()
    fixed = runtime.with_policy(FixedPolicy(LOWER))
    at_load(fixed, 0.0)
    quality = runtime.bundle.quality[NONE]
    answer = fixed(data, min_quality=quality)
    assert answer.stages[0].variant == NONE
    assert reductions == [2, 1]
    wanted = runtime.with_policy(FixedPolicy(NONE))(data)
    np.testing.assert_array_equal(answer.outputs[0], wanted.outputs[0])


def test_the_parts_of_the_latency_add_up(runtime: Runtime, photograph: bytes, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(photograph)
    for source in (photograph, path, EncodedImage(photograph)):
        answer = runtime(source)
        assert answer.decode_ms > 0
        parts = answer.decode_ms + answer.features_ms + answer.selector_ms
        assert answer.latency_ms == pytest.approx(parts + sum(stage.latency_ms for stage in answer.stages))


def test_what_is_in_memory_takes_no_decoding(runtime: Runtime, crops: ArraySamples) -> None:
    assert runtime(crops.value(0)).decode_ms == 0.0
    assert runtime.answer(crops.value(0)).decode_ms == 0.0


def test_a_deadline_counts_decoding(runtime: Runtime, photograph: bytes, at_load: AtLoad, given: list[Limits]) -> None:
    at_load(runtime, 0.0)
    given.clear()
    answer = runtime(photograph, deadline_ms=5000.0)
    (limits,) = given
    left_ms = 5000.0 - answer.decode_ms
    assert left_ms / 1.02 - 1e-6 <= limits.deadline_ms <= left_ms + 1e-6


def test_a_deadline_of_what_is_in_memory_is_given_as_it_is(
    runtime: Runtime, crops: ArraySamples, at_load: AtLoad, given: list[Limits]
) -> None:
    at_load(runtime, 0.0)
    given.clear()
    runtime(crops.value(0), deadline_ms=12.5)
    assert [limits.deadline_ms for limits in given if limits.deadline_ms is not None] == [12.5]


def test_a_deadline_that_decoding_used_up_is_flagged(runtime: Runtime, photograph: bytes, at_load: AtLoad) -> None:
    at_load(runtime, 0.0)
    answer = runtime(photograph, deadline_ms=0.5)
    assert not answer.constraints_met
    assert answer.note.startswith("no choice meets deadline_ms=0.5: the fastest one answered (")
    assert answer.note.endswith(" ms of it went to decoding)")
    assert answer.choice.startswith(LOWER)


def test_qualities_are_those_of_the_pixels_that_the_runtime_sees(
    runtime: Runtime, profile: Profile, labelled_folder: Path
) -> None:
    samples = ImageFolder(labelled_folder)
    for name in (LOWER, NONE):
        fixed = runtime.with_policy(FixedPolicy(name))
        for index in range(0, len(samples), 5):
            classes = profile.evidence[profile.names.index(name)].classes
            assert fixed(samples.source(index)).label == classes[index, 0]


def test_damage_is_an_image_error(runtime: Runtime, photograph: bytes) -> None:
    with pytest.raises(compsel.errors.ImageError, match="truncated"):
        runtime(photograph[:-20])
