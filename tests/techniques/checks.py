"""What every technique must obey, as functions of a technique and a model it applies to."""

import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest

from compsel import Model
from compsel.errors import TechniqueError
from compsel.inputs.feeds import feeds_of
from compsel.inputs.samples import Samples
from compsel.techniques import Technique, parse


def check_names_stay(technique: Technique, model: Model, samples: Samples) -> None:
    result = technique.apply(model, samples)
    assert [(spec.name, spec.dtype) for spec in result.inputs] == [(spec.name, spec.dtype) for spec in model.inputs]
    assert [(spec.name, spec.dtype) for spec in result.outputs] == [(spec.name, spec.dtype) for spec in model.outputs]
    assert result.name == model.name


def check_original_untouched(technique: Technique, model: Model, samples: Samples) -> None:
    before = model.proto.SerializeToString(deterministic=True)
    technique.apply(model, samples)
    assert model.proto.SerializeToString(deterministic=True) == before


def check_same_bytes(technique: Technique, model: Model, samples: Samples) -> None:
    assert technique.apply(model, samples).serialize() == technique.apply(model, samples).serialize()


def check_valid_and_runs(technique: Technique, model: Model, samples: Samples) -> None:
    result = technique.apply(model, samples)
    onnx.checker.check_model(result.to_proto(), full_check=True)
    session = onnxruntime.InferenceSession(result.serialize(), providers=["CPUExecutionProvider"])
    for output in session.run(None, feeds_of(result, samples.value(0))):
        assert np.isfinite(output).all()


def check_any_batch(technique: Technique, model: Model, samples: Samples) -> None:
    """An open batch axis stays open."""
    if any(spec.shape is None or spec.shape[:1] != (None,) for spec in model.inputs):
        return
    result = technique.apply(model, samples)
    feeds = {name: np.concatenate([value] * 3) for name, value in feeds_of(result, samples.value(0)).items()}
    session = onnxruntime.InferenceSession(result.serialize(), providers=["CPUExecutionProvider"])
    assert all(output.shape[0] == 3 for output in session.run(None, feeds))


def check_spec_round_trip(technique: Technique, model: Model, samples: Samples) -> None:
    assert parse(technique.spec) == technique
    result = technique.apply(model, samples)
    assert parse(result.technique) == technique
    assert Model.from_proto(result.to_proto(), "again").technique == result.technique


def check_needs_calibration(technique: Technique, model: Model, samples: Samples) -> None:
    if not technique.needs_calibration:
        technique.apply(model)
        return
    for none in (None, samples.subset([])):
        with pytest.raises(TechniqueError, match="needs calibration samples: got none"):
            technique.apply(model, none)


CHECKS = [value for name, value in sorted(globals().items()) if name.startswith("check_")]

_BUILD = """
import hashlib, sys
sys.path.insert(0, sys.argv[2])
from tests.techniques.foreign import FOREIGN
from tests.techniques.inputs import SeededTensors
from compsel.techniques import parse
digest = hashlib.sha256()
for name in ("opset-9", "two-outputs"):
    model = FOREIGN[name]()
    for spec in sys.argv[1].split():
        digest.update(parse(spec).apply(model, SeededTensors(model)).serialize())
print(digest.hexdigest())
"""


def digest_in_new_process(specs: list[str], folder: str, hash_seed: int) -> str:
    """Compress in a process of its own, with another seed of Python's hashes."""
    command = [sys.executable, "-c", _BUILD, " ".join(specs), folder]
    environment = {"PYTHONHASHSEED": str(hash_seed)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
