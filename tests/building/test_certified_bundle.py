"""Bundles with a certificate: it travels in the bundle, its policy answers; what cannot be promised is not built."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import compsel
from compsel.building.build import build
from compsel.building.train import train_bundle
from compsel.cli.main import main
from compsel.errors import ObjectiveError
from compsel.evaluation.evaluate import evaluate
from compsel.inputs.samples import Samples
from compsel.models.model import Model
from compsel.profiling.profile import Profile
from compsel.selection.cascade.reject_option import RejectOption
from compsel.selection.certificate.certificate import Certificate
from compsel.selection.policies import CertifiedPolicy


@pytest.fixture(scope="module")
def large(profile: Profile) -> Profile:
    """The profile with every sample ten times: enough of them for a promise, if they were independent."""
    return profile.take(np.arange(len(profile.samples)).repeat(10))


@pytest.fixture(scope="module")
def certified(large: Profile, profile_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certified") / "bundle"
    train_bundle(large, profile_folder / "variants", folder, certify="70 % agreement at 90 % confidence")
    return folder


def summary(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))["summary"]
    return content


def test_the_certificate_travels_in_the_bundle(certified: Path, large: Profile) -> None:
    found = summary(certified)
    certificate = Certificate.from_dict(found["certificate"])
    assert (certificate.level, certificate.confidence) == (0.7, 0.9)
    assert certificate.reference == "efficientnet-lite0/none"
    assert certificate.n + certificate.n_trained == len(large.samples)
    assert found["reason"] == f"certified: {certificate.sentence()}"


def test_what_ships_is_what_was_certified(certified: Path, crops: Samples) -> None:
    certificate = Certificate.from_dict(summary(certified)["certificate"])
    with compsel.load(certified, warm_up=False, adapt=False) as runtime:
        policy = runtime.bundle.policies["adaptive"]
        assert isinstance(policy, CertifiedPolicy)
        assert policy.penalty == certificate.penalty
        assert runtime.bundle.policies["most_accurate"].variants == (certificate.reference,)
        alike = [
            int(runtime(crops.value(row)).outputs[0].argmax())
            == int(runtime(crops.value(row), min_quality=1.0).outputs[0].argmax())
            for row in range(6)
        ]
    assert np.mean(alike) > 0.5


def test_a_bundle_without_a_promise_has_no_certificate(bundle_folder: Path) -> None:
    assert summary(bundle_folder)["certificate"] is None


def test_what_cannot_be_promised_is_not_written(profile: Profile, profile_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ObjectiveError, match=r"got 24 inputs, needed for 99 % agreement .* are at least 499"):
        train_bundle(profile, profile_folder / "variants", tmp_path / "bundle", certify="99 % agreement")
    assert not list(tmp_path.iterdir())


def test_a_build_with_too_few_samples_ends_before_anything_is_measured(
    small_model: Model, crops: Samples, tmp_path: Path
) -> None:
    with pytest.raises(ObjectiveError, match="got 24 inputs"):
        build([small_model], crops, tmp_path / "bundle", certify="95 % agreement")
    with pytest.raises(ObjectiveError, match="understood are"):
        build([small_model], crops, tmp_path / "bundle", certify="it is right")
    assert not list(tmp_path.iterdir())


def test_a_policy_that_withholds_answers_is_not_certified(large: Profile, tmp_path: Path) -> None:
    rejecting = RejectOption(abstain_below=0.5)
    with pytest.raises(ObjectiveError, match="without --credibility and --abstain"):
        train_bundle(large, tmp_path, tmp_path / "bundle", reject_option=rejecting, certify="70 % agreement")


def test_the_command_line_takes_a_promise_in_words(
    profile_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["train", str(profile_folder), "--out", str(tmp_path / "bundle"), "--certify", "99 % agreement"]
    assert main(arguments) == 2
    assert "needed for 99 % agreement at 95 % confidence are at least 499" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_an_evaluation_says_whether_the_certificate_holds(certified: Path, crops: Samples) -> None:
    with compsel.load(certified, warm_up=False) as runtime:
        found = evaluate(runtime, crops, repeats=1).to_dict()["certificate"]
    assert found["n"] == len(crops)
    assert "certificate of 70 % agreement with efficientnet-lite0/none" in found["sentence"]
