"""Tables of a profile go out to pandas and come back: what is trained on them is the same."""

from pathlib import Path

import numpy as np
import pandas
import pytest

import compsel
from compsel.errors import ProfileError, UsageError
from compsel.profiling.from_frames import profile_from_frames
from compsel.profiling.profile import Profile
from compsel.progress import Reporter
from tests import confident_models
from tests.measuring import quick


def same_policy(one: compsel.Trained, other: compsel.Trained) -> bool:
    ours, theirs = ([t.fitted[name].policy.to_dict() for name in t.fitted] for t in (one, other))
    assert one.comparison.scores == other.comparison.scores
    return repr(ours) == repr(theirs)


def test_what_comes_back_is_what_was_measured(profile: Profile) -> None:
    again = profile_from_frames(profile.to_frame(), profile.to_frame("costs"), profile.variants)
    assert again.samples == profile.samples and again.names == profile.names
    for name in ("labels", "quality", "features"):
        np.testing.assert_array_equal(getattr(again, name), getattr(profile, name))
    for ours, theirs in zip(again.evidence, profile.evidence, strict=True):
        np.testing.assert_array_equal(ours.classes, theirs.classes)
        np.testing.assert_array_equal(ours.probabilities, theirs.probabilities)
        assert ours.n_classes == theirs.n_classes
    assert again.latency is not None and profile.latency is not None
    assert again.latency.seen == profile.latency.seen and again.features_ms == profile.features_ms
    np.testing.assert_array_equal(again.latency.latency_ms, profile.latency.latency_ms)


def test_training_on_tables_gives_the_same_policy(profile: Profile, profile_folder: Path, tmp_path: Path) -> None:
    profile = profile.among(profile.names[:2])
    trained = compsel.train(profile, max_loss=0.05)
    for what in ("quality", "costs"):
        profile.to_frame(what).to_parquet(tmp_path / what)
    quality, costs = pandas.read_parquet(tmp_path / "quality"), pandas.read_parquet(tmp_path / "costs")
    again = compsel.train(quality, costs=costs, out=tmp_path / "bundle", files=profile_folder, max_loss=0.05)
    assert same_policy(trained, again)
    assert compsel.Bundle.load(tmp_path / "bundle").variants.keys() <= set(profile.names)


def test_a_bundle_from_tables_says_what_one_from_their_folder_says(
    profile: Profile, profile_folder: Path, tmp_path: Path
) -> None:
    assert profile.decode_ms > 0 and profile.memory_mb and profile.sketch
    quality, costs = profile.to_frame(), profile.to_frame("costs")
    options = {"max_loss": 0.05, "reporter": Reporter()}
    whole = compsel.train(profile_folder, out=tmp_path / "whole", **options)
    again = compsel.train(quality, costs=costs, out=tmp_path / "again", files=profile_folder, **options)
    theirs, ours = (compsel.Bundle.load(tmp_path / name).summary for name in ("whole", "again"))
    for key in ("decode_ms", "memory_mb", "samples_sketch", "origin", "device"):
        assert ours[key] == theirs[key], key
    assert whole.result.current is not None and again.result.current is not None
    assert again.result.current.name == whole.result.current.name
    assert again.result.current.latency_ms == pytest.approx(whole.result.current.latency_ms)
    assert profile_from_frames(quality, costs).decode_ms == profile.decode_ms


def test_of_half_the_samples_nobody_is_told_that_all_were_trained_on(
    profile: Profile, profile_folder: Path, tmp_path: Path
) -> None:
    some = profile.to_frame().query("sample in @profile.samples[:22]")
    compsel.train(some, costs=profile.to_frame("costs"), out=tmp_path / "b", files=profile_folder, max_loss=0.05)
    assert compsel.Bundle.load(tmp_path / "b").summary["samples_sketch"] == ""


def test_a_table_by_hand_is_enough() -> None:
    rows = [
        {"sample": number, "variant": f"net/{name}", "quality": float(number % 10 > 0), "latency_ms": latency_ms}
        for number in range(60)
        for name, latency_ms in (("none", 5.0), ("int8", 2.0))
    ]
    trained = compsel.train(pandas.DataFrame(rows), no_floor=True)
    assert trained.most_accurate == "net/none" and trained.shipped.latency_ms == pytest.approx(2.0)


def test_costs_of_the_field_replace_those_of_the_profile(profile: Profile) -> None:
    costs = profile.to_frame("costs")
    name = profile.names[0]
    slower = costs[costs["variant"] == name].assign(latency_ms=500.0)
    slower = pandas.concat([slower] * 3)
    trained = compsel.train(profile, costs=slower)
    assert trained.static[name].latency_ms.mean() == pytest.approx(500.0)
    other = profile.names[1]
    assert trained.static[other].latency_ms.mean() < 400.0
    with pytest.raises(ProfileError, match="none of its choices"):
        compsel.train(profile, costs=slower.assign(state="busy:9"))


def test_choices_are_a_summary(profile: Profile) -> None:
    frame = profile.to_frame("choices")
    assert set(frame["variant"]) == set(profile.names) and (frame["p95_ms"] >= frame["p50_ms"]).all()
    first = frame[frame["variant"] == profile.names[0]].iloc[0]
    assert first["quality"] == profile.quality[:, 0].mean()


def test_models_without_class_scores_come_back_too(tmp_path: Path) -> None:
    how = quick(techniques=["none"], quality=confident_models.closeness, confidence="tests.confident_models:sureness")
    models = [confident_models.fast(), confident_models.slow()]
    profile = compsel.profile(models, confident_models.inputs(40), tmp_path / "profile", measuring=how)
    again = profile_from_frames(profile.to_frame(), profile.to_frame("costs"))
    assert again.quality_criterion == profile.quality_criterion
    np.testing.assert_array_equal(again.evidence[0].confidence, profile.evidence[0].confidence)


def test_tables_that_cannot_be_used_are_refused(profile: Profile, tmp_path: Path) -> None:
    quality = profile.to_frame()
    for table, said in (
        (quality.drop(columns="quality"), "without the column 'quality'"),
        (quality.iloc[:0], "without rows"),
        (quality.iloc[1:], "one row for every sample"),
        (quality.drop(columns="latency_ms"), "no latencies"),
        (quality.assign(latency_ms=-1.0), "times above 0"),
    ):
        with pytest.raises(ProfileError, match=said):
            compsel.train(table)
    with pytest.raises(ProfileError, match="allowed are quality, costs, choices"):
        profile.to_frame("everything")
    with pytest.raises(UsageError, match="give files"):
        compsel.train(quality, out=tmp_path / "bundle")
    with pytest.raises(UsageError, match="give out"):
        compsel.train(quality, certify="70 % agreement")
