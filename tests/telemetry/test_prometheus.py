"""The collector for Prometheus: what `Runtime.stats` says, and nothing twice."""

import gc
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

import compsel
import compsel.telemetry
from compsel.runtime import Runtime

IMAGE = np.random.default_rng(0).integers(0, 256, (80, 64, 3), np.uint8)


def values(registry: CollectorRegistry) -> dict[tuple[str, ...], float]:
    text = generate_latest(registry).decode()
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_what_is_exposed_is_what_the_stats_say(cascade_folder: Path) -> None:
    registry = CollectorRegistry()
    with compsel.load(cascade_folder) as runtime:
        compsel.telemetry.register(runtime, registry)
        answers = [runtime(IMAGE) for _ in range(5)]
        found, stats = values(registry), runtime.stats()
    assert found["compsel_answers_total", answers[-1].choice] == stats.by_choice[answers[-1].choice]
    assert found["compsel_answer_seconds_count",] == found["compsel_answer_seconds_bucket", "+Inf"] == 5
    assert found["compsel_answer_seconds_sum",] == pytest.approx(sum(answer.latency_ms for answer in answers) / 1e3)
    assert found["compsel_engines_open",] == len(stats.engines_open)
    for name in ("escalations", "late", "failures", "bad_inputs", "refused", "cancelled", "stage_failures"):
        assert found[f"compsel_{name}_total",] == getattr(stats, name)
    buckets = [value for key, value in found.items() if key[0] == "compsel_answer_seconds_bucket"]
    assert buckets == sorted(buckets)


def test_several_runtimes_are_told_apart_by_name(cascade_folder: Path) -> None:
    registry = CollectorRegistry()
    with compsel.load(cascade_folder) as one, compsel.load(cascade_folder) as two:
        compsel.telemetry.register({"one": one, "two": two}, registry)
        one(IMAGE)
        found = values(registry)
    assert (found["compsel_answer_seconds_count", "one"], found["compsel_answer_seconds_count", "two"]) == (1, 0)


def test_a_second_one_of_the_same_names_is_refused_by_the_registry(runtime: Runtime) -> None:
    registry = CollectorRegistry()
    collector = compsel.telemetry.register(runtime, registry)
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        compsel.telemetry.register(runtime, registry)
    registry.unregister(collector)
    assert values(registry) == {}


def test_a_registry_keeps_no_runtime(cascade_folder: Path) -> None:
    registry = CollectorRegistry()
    runtime = compsel.load(cascade_folder, warm_up=False)
    compsel.telemetry.register(runtime, registry)
    del runtime
    gc.collect()
    assert [key for key in values(registry) if key[0].endswith("_total")] == []
