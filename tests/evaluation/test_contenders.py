"""The sceptic chooses among all that the build measured: its variants beside those of the bundle, on one runtime."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from compsel.bundle.bundle import Bundle
from compsel.errors import ProfileError
from compsel.evaluation import contenders
from compsel.evaluation.contenders import with_measured_variants, work_folder
from compsel.evaluation.evaluate import evaluate
from compsel.inputs.samples import ArraySamples, ImageFolder
from compsel.profiling.profile import Profile
from compsel.runtime import Runtime
from compsel.selection.policies import FixedPolicy
from tests.cascade_bundle import INT8, LOWER, NONE
from tests.whole_bundles import whole


def narrow(bundle_folder: Path, profile_folder: Path, name: str) -> Bundle:
    """A bundle that was trained on the profile, of which one variant is left."""
    bundle = whole(bundle_folder, profile_folder)
    fixed = FixedPolicy(name)
    return replace(
        bundle,
        variants={name: bundle.variants[name]},
        policies=dict.fromkeys(("adaptive", "most_accurate", "best_static", "fastest"), fixed),
        quality={name: bundle.quality[name]},
        costs=bundle.costs.restricted([name]),
    )


def measured_as(
    monkeypatch: pytest.MonkeyPatch, profile: Profile, quality: dict[str, np.ndarray], groups: tuple[str, ...] = ()
) -> None:
    """Let the profile hold other outcomes, of costs 10, 5 and 4 ms."""
    assert profile.latency is not None
    table = np.stack([quality[name] for name in profile.names], axis=1)
    known = {NONE: 10.0, INT8: 5.0, LOWER: 4.0}
    latencies = {key: np.full(9, known[key[0]]) for key in profile.latency.by_choice()}
    monkeypatch.setattr(type(profile.latency), "by_choice", lambda _: latencies)
    monkeypatch.setattr(contenders.Profile, "load", lambda _: replace(profile, quality=table, groups=groups))


def test_what_the_build_measured_runs_beside_what_is_in_the_bundle(
    bundle_folder: Path, profile_folder: Path, labelled_folder: Path
) -> None:
    bundle = narrow(bundle_folder, profile_folder, NONE)
    wide = with_measured_variants(bundle, profile_folder)
    assert next(iter(wide.variants)) == NONE
    assert {*wide.variants} >= {NONE, INT8}
    assert wide.policies == bundle.policies
    for column, choice in enumerate(bundle.costs.choices):
        assert wide.costs.choices[column] == choice
        np.testing.assert_array_equal(wide.costs.latency_ms[:, column], bundle.costs.latency_ms[:, column])
    samples = ImageFolder(labelled_folder, classes=1000).subset(range(4))
    with Runtime(wide) as runtime:
        evaluation = evaluate(runtime, samples, repeats=1)
    assert evaluation.static.keys() == wide.variants.keys()
    assert evaluation.hindsight.contenders == len(wide.variants)
    assert evaluation.results["adaptive"].choices == {f"{NONE}@cpu:1": 4}


def test_what_nobody_would_choose_is_left_out(
    bundle_folder: Path, profile_folder: Path, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    n = len(profile.samples)
    half, ones = (np.arange(n) < n / 2).astype(float), np.ones(n)
    measured_as(monkeypatch, profile, {NONE: half, INT8: ones, LOWER: half})
    # half as fast as int8, and clearly less accurate; the third one is the fastest
    assert [*with_measured_variants(narrow(bundle_folder, profile_folder, INT8), profile_folder).variants] == [
        INT8,
        LOWER,
    ]
    # what is in the bundle stays
    assert NONE in with_measured_variants(narrow(bundle_folder, profile_folder, NONE), profile_folder).variants


def test_a_difference_within_two_standard_errors_is_no_reason_to_leave_out(
    bundle_folder: Path, profile_folder: Path, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    n = len(profile.samples)
    ones, few_wrong, some_wrong = np.ones(n), np.ones(n), np.ones(n)
    few_wrong[:2] = 0
    some_wrong[:8] = 0
    bundle = narrow(bundle_folder, profile_folder, INT8)
    measured_as(monkeypatch, profile, {NONE: few_wrong, INT8: ones, LOWER: ones})
    assert NONE in with_measured_variants(bundle, profile_folder).variants
    measured_as(monkeypatch, profile, {NONE: some_wrong, INT8: ones, LOWER: ones})
    assert NONE not in with_measured_variants(bundle, profile_folder).variants
    # all eight are versions of one photograph: that is one difference, not eight
    groups = tuple("first" if index < 8 else str(index) for index in range(n))
    measured_as(monkeypatch, profile, {NONE: some_wrong, INT8: ones, LOWER: ones}, groups)
    assert NONE in with_measured_variants(bundle, profile_folder).variants


def test_a_profile_of_another_build_is_refused(
    bundle_folder: Path, profile_folder: Path, cascade_folder: Path, profile: Profile, tmp_path: Path
) -> None:
    bundle = narrow(bundle_folder, profile_folder, INT8)
    with pytest.raises(ProfileError, match=r"has no profile\.json"):
        with_measured_variants(bundle, tmp_path)
    other = {INT8: replace(bundle.variants[INT8], sha256="0" * 64)}
    with pytest.raises(ProfileError, match=f"is not of this bundle: {INT8} is another file there"):
        with_measured_variants(replace(bundle, variants=other), profile_folder)
    with pytest.raises(ProfileError, match="other states of the device"):
        with_measured_variants(Bundle.load(cascade_folder), profile_folder)  # its costs are made up
    copied = Path(shutil.copytree(profile_folder, tmp_path / "profile"))
    (copied / "variants" / str(bundle.variants[INT8].weights_file)).write_bytes(b"changed")
    with pytest.raises(ProfileError, match=f"the file of {INT8} in variants/ is missing or changed"):
        with_measured_variants(bundle, copied)


def test_the_build_leaves_its_measurements_beside_the_bundle(tmp_path: Path) -> None:
    assert work_folder(tmp_path / "bundle") == tmp_path / "bundle.work"
    assert work_folder(f"{tmp_path}/bundle/") == tmp_path / "bundle.work"


def test_samples_without_labels_are_judged_by_the_most_accurate_network(
    bundle_folder: Path, profile_folder: Path, crops: ArraySamples
) -> None:
    with Runtime(with_measured_variants(narrow(bundle_folder, profile_folder, NONE), profile_folder)) as runtime:
        evaluation = evaluate(runtime, crops.subset(range(3)), repeats=1)
    assert evaluation.static[NONE].right.tolist() == [1.0] * 3
