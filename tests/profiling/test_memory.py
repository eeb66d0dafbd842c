import numpy as np
import pytest

from compsel.errors import ProfileError
from compsel.inputs.samples import ArraySamples
from compsel.processors import CpuProcessor
from compsel.profiling import memory
from compsel.profiling.choices import Choices
from compsel.profiling.memory import measure_memory
from compsel.profiling.memory_table import read_memory
from compsel.variants.writer import write_variant
from tests.foreign_models import two_inputs

BALLAST_MB = 800


@pytest.mark.slow
def test_memory_is_that_of_the_choice_alone(small_model, tmp_path):
    variant = write_variant(small_model, tmp_path, "logits")
    ballast = np.ones(BALLAST_MB * 1_000_000 // 8)
    measured = measure_memory(Choices([variant], [CpuProcessor(1)], tmp_path), tmp_path)
    # the interpreter, numpy and the runtime, but nothing of what this process holds
    assert 10 < measured[variant.name, "cpu:1"] < BALLAST_MB
    assert read_memory(tmp_path) == measured
    assert ballast.size


def test_a_larger_input_takes_more_memory(tmp_path):
    variant = write_variant(two_inputs(), tmp_path, "other")
    peaks = []
    for length in (1, 400_000):
        value = {"tokens": np.zeros((1, length), np.int64), "mask": np.ones((1, length), np.float32)}
        folder = tmp_path / str(length)
        peaks.append(measure_memory(Choices([variant], [CpuProcessor(1)], tmp_path), folder, ArraySamples([value])))
    key = (variant.name, "cpu:1")
    assert peaks[1][key] > peaks[0][key] + 40


def test_what_is_known_is_kept_unless_file_or_device_is_another(small_model, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(
        memory, "_measure", lambda files, variant, processor, samples: calls.append(processor.name) or 50.0
    )
    variant = write_variant(small_model, tmp_path, "logits")

    def measure(*threads):
        calls.clear()
        measure_memory(Choices([variant], [CpuProcessor(n) for n in threads], tmp_path), tmp_path)
        return calls

    assert measure(1) == ["cpu:1"]
    assert measure(1, 2) == ["cpu:2"]
    assert measure(1, 2) == []
    (tmp_path / "memory.parquet").write_bytes(b"damaged")
    assert measure(1) == ["cpu:1"]
    monkeypatch.setattr("compsel.profiling.tables.device_fingerprint", lambda: {"cpu": "another"})
    assert measure(1) == ["cpu:1"]


def test_a_choice_that_does_not_run_says_why(small_model, tmp_path):
    variant = write_variant(small_model, tmp_path, "logits")
    (tmp_path / variant.pixels_file).write_bytes(b"damaged")
    with pytest.raises(ProfileError, match=r"\.pixels\.onnx on cpu:1 did not run in a process of its own: .*Protobuf"):
        measure_memory(Choices([variant], [CpuProcessor(1)], tmp_path), tmp_path)
    assert read_memory(tmp_path) == {}
    with pytest.raises(ProfileError, match="no choices"):
        measure_memory(Choices([], [CpuProcessor(1)], tmp_path), tmp_path)
