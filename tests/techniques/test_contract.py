"""Every technique, and a fake one, through the shared checks; and on models of many kinds."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import onnx
import pytest

from compsel import ImagePreprocessing, Model, TextTable
from compsel.errors import NotApplicableError, TechniqueError
from compsel.inputs.samples import Samples
from compsel.networks import build
from compsel.techniques import TECHNIQUES, Technique, applicable, parse
from compsel.variants.verification import verify
from tests.techniques.checks import CHECKS, digest_in_new_process
from tests.techniques.foreign import FOREIGN, with_external_data, without_layers
from tests.techniques.inputs import Photographs, SeededTensors
from tests.text_models import classifier, write_table

SPECS = [
    "none",
    "float16",
    "int8-static:samples=2",
    "int8-dynamic",
    "int16-weight",
    "int8-weight",
    "int6-weight",
    "int4-weight",
    "cluster:4",
    "prune:0.3",
    "channel-prune:0.1,samples=8",
    "low-rank:0.1,samples=8",
    "prune:0.3+cluster:5",
    "resolution:48",
    "resolution:48+int8-static:samples=2",
]
# these learn a classifier's task: from texts here, whose classes are few
LEARNING_SPECS = ["early-exit:2", "student", "student:0"]
ENCODER_SPECS = ["fuse", "int8-dynamic", "int8-static", "fuse+int8-dynamic", "fuse+float16"]
FOREIGN_SPECS = [
    *("none", "float16", "int8-static", "int8-static:entropy", "int8-static:percentile"),
    *("int8-static:mse,per_channel=false", "int8-static:activations=int8,weights=uint8"),
    *("int8-dynamic", "int8-dynamic:per_channel=false", "prune:0.3", "prune:0.3,scope=global"),
    *("int16-weight", "int8-weight", "int6-weight", "int4-weight", "cluster:6"),
    *("int16-weight:symmetric=false", "int8-weight:symmetric=false", "int6-weight:16,symmetric=false"),
    *("int4-weight:16,activations=float32", "int4-weight:symmetric=false", "int4-weight:12"),
]


@dataclass(frozen=True)
class Renamed(Technique):
    """A technique that changes nothing but the name of the graph."""

    name: ClassVar[str] = "renamed"
    word: str = field(default="renamed", metadata={"always": True})

    def _transform(self, model: Model, calibration: Samples | None) -> Model:
        proto = model.copy_proto()
        proto.graph.name = self.word
        return model.with_proto(proto)


@pytest.fixture(scope="module")
def network() -> Model:
    return build("mobilenet-v1", width=0.25, resolution=64)


@pytest.fixture(scope="module")
def encoder() -> Model:
    return build("minilm-l1", width=0.25)


@pytest.fixture(autouse=True)
def fake_in_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TECHNIQUES, "renamed", Renamed)


def test_every_technique_is_checked() -> None:
    specs = [*SPECS, *ENCODER_SPECS, *LEARNING_SPECS]
    assert {parse(part).name for spec in specs for part in spec.split("+")} | {"renamed"} == set(TECHNIQUES)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("spec", [*SPECS, "renamed:other"])
def test_contract(spec: str, check: Callable[[Technique, Model, Samples], None], network: Model) -> None:
    check(parse(spec), network, Photographs())


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("spec", LEARNING_SPECS)
def test_contract_of_those_that_learn(
    spec: str, check: Callable[[Technique, Model, Samples], None], tmp_path: Path
) -> None:
    assert parse(spec).learns
    check(parse(spec), classifier(blocks=3), TextTable(write_table(tmp_path / "intents.csv", 60)))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("spec", ENCODER_SPECS)
def test_contract_on_an_encoder(spec: str, check: Callable[[Technique, Model, Samples], None], encoder: Model) -> None:
    check(parse(spec), encoder, SeededTensors(encoder))


@pytest.mark.parametrize("spec", FOREIGN_SPECS)
@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_models(name: str, spec: str) -> None:
    model = FOREIGN[name]()
    samples = SeededTensors(model)
    variant = parse(spec).apply(model, samples)
    onnx.checker.check_model(variant.to_proto(), full_check=True)
    verification = verify(variant, model, samples)
    assert verification.ok, verification.reason
    least = 0.9 if "prune" in spec else 0.97
    assert verification.correlation is not None and verification.correlation > least


def test_external_data(tmp_path: Path) -> None:
    model = with_external_data(tmp_path)
    variant = parse("int8-static").apply(model, SeededTensors(model))
    assert verify(variant, model, SeededTensors(model)).ok


def test_same_bytes_in_another_process() -> None:
    folder = str(Path(__file__).parents[2])
    assert digest_in_new_process(FOREIGN_SPECS, folder, 1) == digest_in_new_process(FOREIGN_SPECS, folder, 2)


@pytest.mark.parametrize(
    "spec", ["int8-static", "int8-dynamic", "prune", "float16", "resolution", "int4-weight", "int8-weight", "cluster"]
)
def test_not_applicable_without_layers(spec: str) -> None:
    model = without_layers()
    with pytest.raises(NotApplicableError, match=f"{spec}: 'foreign' has no"):
        parse(spec).apply(model, SeededTensors(model))


@pytest.mark.parametrize("spec", ["int8-static", "int8-dynamic", "float16", "resolution:32", "int6-weight", "cluster"])
def test_not_applicable_to_quantised(spec: str, network: Model) -> None:
    quantised = parse("int8-static:samples=2").apply(network, Photographs())
    with pytest.raises(NotApplicableError, match="quantised"):
        parse(spec).apply(quantised, Photographs())


def test_applicable_depends_on_the_model(network: Model) -> None:
    large = replace(network, preprocessing=ImagePreprocessing(resolution=(224, 224)))
    small = {"none", "int8-static", "float16", "int8-dynamic", "resolution:192", "resolution:160"}
    assert set(applicable(large)) >= small | {"resolution:192+int8-static", "resolution:160+int8-static"}
    assert all(parse(spec).spec == spec for spec in applicable(large))
    assert applicable(without_layers())[0] == "none"
    assert not any("int8" in spec or "resolution" in spec for spec in applicable(without_layers()))


def test_a_technique_that_renames_outputs_is_refused(network: Model) -> None:
    class Broken(Renamed):
        def _transform(self, model: Model, calibration: Samples | None) -> Model:
            proto = model.copy_proto()
            proto.graph.output[0].name = "other"
            return model.with_proto(proto)

    with pytest.raises(TechniqueError, match="changed the names of the outputs"):
        Broken().apply(network)


def test_technique_needs_a_transform() -> None:
    class Incomplete(Technique):
        name: ClassVar[str] = "incomplete"

    with pytest.raises(TypeError, match="abstract"):
        Incomplete()  # wrong, on purpose
