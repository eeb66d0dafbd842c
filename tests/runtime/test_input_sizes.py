"""Inputs of every size: the plan is that of the input's size, corrections are shared, unsized bundles pay nothing."""

from dataclasses import replace

import numpy as np
import pytest

from compsel.bundle.writing import BundleContent, write_bundle
from compsel.device.state import DeviceState
from compsel.errors import InputError, ProcessorError
from compsel.inputs.image import IMAGE
from compsel.runtime import Runtime, load
from compsel.runtime.adaptation.observations import Observations, StageFailedError
from compsel.runtime.answer import Stage
from compsel.runtime.feeds.input_sizes import InputSizes
from compsel.selection.costs.model import CostModel
from compsel.selection.costs.sizes import SizeTables, bucket_of, size_of
from compsel.selection.objective import Objective
from compsel.selection.policies import FixedPolicy
from compsel.variants.writer import write_variant
from tests.sized_models import WIDTH, sequence, sequence_model

SIZES = np.array([4.0, 64.0, 256.0]) * WIDTH
CHOICES = (("big/none", "cpu:1"), ("big/none", "cpu:2"), ("small/none", "cpu:1"))
# beside no other, at 4, 64 and 256 rows of 16; two threads pay for long inputs; far more than any takes, so that no
# deadline passes on a machine that has other work
IDLE_MS = 100 * np.array([[1.0, 2.0, 0.5], [8.0, 5.0, 2.0], [32.0, 17.0, 8.0]])


def costs(sized: bool = True) -> CostModel:
    table = np.stack([IDLE_MS, IDLE_MS * [1.2, 4.0, 1.2]], axis=1)
    by_size = SizeTables(SIZES, SIZES[0], "elements", "small/none", table, 1.5 * table)
    return CostModel(CHOICES, np.array([[0.0], [1.0]]), table[0], 1.5 * table[0], by_size=by_size if sized else None)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    files = tmp_path_factory.mktemp("files")
    variants = tuple(write_variant(sequence_model(name), files, "logits") for name in ("big", "small"))
    quality = {"big/none": 0.9, "small/none": 0.8}
    policies = {"adaptive": FixedPolicy("big/none"), "small": FixedPolicy("small/none")}
    found = {}
    for sized in (True, False):
        found[sized] = tmp_path_factory.mktemp("bundles") / "bundle"
        content = BundleContent(variants, files, policies, {}, Objective(), quality, costs(sized), {})
        write_bundle(content, found[sized])
    return found


@pytest.fixture
def see(monkeypatch):
    """Let the samplers of runtimes see a load by others."""

    def see(runtime: Runtime, load_others: float) -> None:
        state = DeviceState(0, cores=2, load_others=load_others)
        monkeypatch.setattr(runtime._sampler, "state", lambda: state)
        runtime.flush()

    return see


@pytest.fixture
def runtime(bundles, see):
    with load(bundles[True], adapt=False) as loaded:
        loaded.warm_up()
        see(loaded, 0.0)
        yield loaded


def test_where_an_input_runs_depends_on_its_size_and_on_the_load(runtime, see):
    assert [runtime(sequence(length, 0)).choice for length in (5, 250)] == ["big/none@cpu:1", "big/none@cpu:2"]
    see(runtime, 1.0)
    assert {runtime(sequence(length, 0)).choice for length in (5, 250)} == {"big/none@cpu:1"}


@pytest.mark.parametrize("length", [1, 4, 10, 40, 64, 150, 1000])
def test_what_is_expected_is_what_the_size_costs(runtime, length):
    expected = runtime(sequence(length, 0)).stages[0].expected_ms
    model = costs()
    assert expected == pytest.approx(min(model.at(0.0, length * WIDTH)[:2]), rel=0.1)


def test_deadlines_and_qualities_are_those_of_the_size(runtime):
    fast, slow = (runtime(sequence(length, 0), deadline_ms=1500.0) for length in (5, 250))
    assert fast.choice == "big/none@cpu:1" and fast.constraints_met
    assert slow.choice == "small/none@cpu:1" and slow.constraints_met
    assert not runtime(sequence(2000, 0), deadline_ms=1500.0).constraints_met
    best = runtime(sequence(250, 0), deadline_ms=1500.0, min_quality=0.85)
    assert not best.constraints_met
    assert runtime(sequence(5, 0), deadline_ms=1500.0, min_quality=0.85).constraints_met


def test_tensors_that_are_run_have_their_size_too(runtime):
    used = set(runtime._dispatcher._cached_plans)
    runtime.run(None, sequence(104, 0))
    (key,) = set(runtime._dispatcher._cached_plans) - used
    assert size_of(key[1]) == pytest.approx(104 * WIDTH, rel=0.1)
    batch = {"x": np.concatenate([sequence(104, 0)["x"]] * 3)}
    assert len(runtime.run(None, batch)[0]) == 3
    with pytest.raises(InputError):
        runtime({"x": np.zeros((1, 5, 3), np.float32)})


def test_plans_are_made_ready_for_measured_sizes_and_kept_by_bucket(bundles, monkeypatch):
    with load(bundles[True]) as runtime:
        runtime.warm_up()
        assert [bucket for _, bucket in runtime._dispatcher._cached_plans] == [bucket_of(size) for size in SIZES]
        asked = []
        get = runtime._plan_cache.get
        monkeypatch.setattr(runtime._plan_cache, "get", lambda *given: asked.append(given[2]) or get(*given))
        for length in (104, 104, 105, 103, 200, 104):
            runtime(sequence(length, 0))
        assert len(asked) == 2


def test_bundles_without_sizes_do_not_ask_for_them(bundles, monkeypatch):
    with load(bundles[False]) as runtime:
        monkeypatch.setattr(type(runtime.modality), "size", lambda *given: pytest.fail("asked for"))
        assert runtime(sequence(5, 0)).choice == runtime(sequence(250, 0)).choice
        assert runtime._input_sizes is None and not any(
            isinstance(key, tuple) for key in runtime._dispatcher._cached_plans
        )


def test_corrections_and_quarantine_hold_for_every_size():
    observations = Observations(costs(), adapt=True, explore=0.0)
    state = DeviceState(1, cores=2, load_others=0.0)
    small, large = (observations.live.now(state, bucket) for bucket in (23, 46))
    assert observations.live.now(state, 23) is small
    for _ in range(4):
        took = 3.0 * float(small.model_ms[0])
        observations.learn(Stage("big/none", "cpu:1", took, float(small.model_ms[0])), "cpu:1", small)
    now = observations.live.now(state, 46)
    assert now.latency_ms[0] == pytest.approx(3.0 * large.latency_ms[0], rel=0.2)
    failure = StageFailedError("big/none", "cpu:2", ProcessorError("lost"))
    observations.report_failure(failure)
    for bucket in (None, 23, 46):
        assert np.isinf(observations.live.now(state, bucket).latency_ms[1])


def test_a_variant_that_ships_counts_what_one_that_does_not_counted(bundles, tmp_path):
    with load(bundles[True], policy="small") as runtime:
        bundle = runtime.bundle
    shipped = replace(bundle, policies={"adaptive": FixedPolicy("big/none")})
    content = BundleContent(
        tuple(bundle.variants.values()),
        bundle.folder / "variants",
        shipped.policies,
        {},
        Objective(),
        bundle.quality,
        bundle.costs,
        {},
    )
    write_bundle(content, tmp_path / "bundle")
    with load(tmp_path / "bundle") as one:
        assert one.costs.sized_by == "big/none" and set(one.bundle.variants) == {"big/none"}


def test_images_count_their_pixels_and_tensors_that_stand_for_them_are_of_the_usual_size():
    sizes = InputSizes(costs(), IMAGE, None)
    assert size_of(sizes.bucket(np.zeros((50, 60, 3), np.uint8))) == pytest.approx(3000, rel=0.1)
    assert sizes.bucket({"x": np.zeros((1, 3, 224, 224))}) == bucket_of(SIZES[0])
    assert sizes.bucket("no image") == bucket_of(SIZES[0])
