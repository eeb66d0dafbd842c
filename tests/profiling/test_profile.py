import json
import shutil

import cv2
import numpy as np
import pytest

from compsel.errors import ProfileError, VersionError
from compsel.inputs.samples import ArraySamples, ImageFolder
from compsel.profiling.decoding import ready_values, time_decoding
from compsel.profiling.groups import write_groups
from compsel.profiling.header import FORMAT_VERSION
from compsel.profiling.latency_table import read_latency
from compsel.profiling.memory_table import read_memory
from compsel.profiling.profile import Profile
from compsel.profiling.quality_table import quality_path
from compsel.storage.parquet import read_table, write_table


@pytest.fixture
def folder(profile_folder, tmp_path):
    shutil.copytree(profile_folder, tmp_path / "profile", ignore=shutil.ignore_patterns("variants"))
    return tmp_path / "profile"


def change_header(folder, **fields):
    header = json.loads((folder / "profile.json").read_text())
    (folder / "profile.json").write_text(json.dumps({**header, **fields}))


def test_a_profile_has_every_variant_and_every_sample(profile):
    n = len(profile.samples)
    assert profile.names == tuple(
        f"efficientnet-lite0/{technique}" for technique in ("none", "int8-static", "resolution:128")
    )
    assert profile.quality.shape == (n, 3)
    assert profile.labels.shape == (n,)
    assert profile.features.shape == (n, len(profile.feature_names))
    assert len(profile.evidence) == 3
    assert set(profile.latency.choices) == {(name, "cpu:1") for name in profile.names}
    assert set(profile.memory_mb) == set(profile.latency.choices)
    assert min(profile.memory_mb.values()) > 0
    assert set(profile.features_ms) == {name.partition(".")[0] for name in profile.feature_names}
    assert profile.decode_ms > 0
    # the labels are the network's own answers, every fourth one excepted
    assert profile.quality[:, 0].mean() == pytest.approx(0.75)


def test_decoding_takes_time_only_where_there_is_some(profile, crops):
    assert time_decoding(crops, profile.variants, 3) == 0.0


def test_a_profile_of_before_decoding_was_timed(folder):
    header = json.loads((folder / "profile.json").read_text())
    del header["decode_ms"]
    (folder / "profile.json").write_text(json.dumps(header))
    assert Profile.load(folder).decode_ms == 0.0


def test_values_are_decoded_before_they_are_timed(profile, labelled_folder, monkeypatch):
    values = ready_values(ImageFolder(labelled_folder), 2, profile.variants)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("was decoded"))
    for variant in profile.variants:
        for value in values:
            assert variant.preprocessing.pixels(value).shape == (*variant.preprocessing.resolution, 3)


def test_some_of_the_samples(profile):
    part = profile.take([5, 2])
    assert part.samples == (profile.samples[5], profile.samples[2])
    np.testing.assert_array_equal(part.quality, profile.quality[[5, 2]])
    np.testing.assert_array_equal(part.features, profile.features[[5, 2]])
    np.testing.assert_array_equal(part.evidence[0].classes, profile.evidence[0].classes[[5, 2]])
    assert part.latency is profile.latency


def test_costs_of_another_device_replace_those_of_this_one(profile, folder):
    (folder / "memory.parquet").unlink()
    # what this device measured is not taken for that of another one
    assert profile.with_costs(profile.variants, folder, {"cpu": "another"}).latency is None
    for path in (folder / "latency").iterdir():
        columns, metadata = read_table(path)
        write_table(path, columns, metadata | {"device": '{"cpu": "another"}'})
    moved = profile.with_costs(profile.variants, folder, {"cpu": "another"})
    assert moved.device == {"cpu": "another"}
    assert moved.memory_mb == {}
    assert moved.latency.by_choice().keys() == profile.latency.by_choice().keys()
    with pytest.raises(ProfileError, match="was not built on this device"):
        profile.with_costs(profile.variants[:1], folder, {})


def test_a_newer_format_is_refused(folder):
    change_header(folder, format_version=FORMAT_VERSION + 1)
    with pytest.raises(VersionError, match=rf"format {FORMAT_VERSION + 1}, this compsel reads up to {FORMAT_VERSION}"):
        Profile.load(folder)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "{}", '{"format_version": "new"}', '{"format_version": 1}', "\xff"]
)
def test_a_damaged_header(folder, text):
    (folder / "profile.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ProfileError, match=r"profile\.json"):
        Profile.load(folder)


@pytest.mark.parametrize("variants", [[], [{}], [{"name": "a"}], "abc", None])
def test_a_header_without_proper_variants(folder, variants):
    change_header(folder, variants=variants)
    with pytest.raises(ProfileError, match=r"damaged|no measured variants"):
        Profile.load(folder)


def test_no_profile_there(tmp_path):
    with pytest.raises(ProfileError, match=r"has no profile\.json: make one with compsel profile"):
        Profile.load(tmp_path)


def test_every_damaged_or_missing_table_is_an_error(folder, profile):
    needed = [quality_path(folder, variant) for variant in profile.variants]
    for path in [*needed, folder / "features.parquet", folder / "latency" / "idle.parquet", folder / "memory.parquet"]:
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        with pytest.raises(ProfileError, match=path.name):
            Profile.load(folder)
        path.write_bytes(content)
    for path in [*needed, folder / "features.parquet"]:
        content = path.read_bytes()
        path.unlink()
        with pytest.raises(ProfileError, match=path.name):
            Profile.load(folder)
        path.write_bytes(content)
    assert Profile.load(folder).names == profile.names


@pytest.mark.parametrize(
    ("name", "column"),
    [("memory", "peak_mb"), ("latency/idle", "latency_ms"), ("quality/efficientnet-lite0_none", "quality")],
)
def test_a_table_without_a_column_is_an_error(folder, name, column):
    path = folder / f"{name}.parquet"
    columns, metadata = read_table(path)
    columns.pop(column)
    write_table(path, columns, metadata)
    with pytest.raises(ProfileError, match=f"has no column '{column}'"):
        Profile.load(folder)


def test_tables_that_do_not_fit_together(folder, profile):
    path = quality_path(folder, profile.variants[1])
    columns, metadata = read_table(path)
    write_table(path, columns, {**metadata, "sha256": "0"})
    with pytest.raises(ProfileError, match="was measured with another file of efficientnet-lite0/int8-static"):
        Profile.load(folder)
    write_table(path, {**columns, "sample": columns["sample"][::-1]}, metadata)
    with pytest.raises(ProfileError, match="different samples"):
        Profile.load(folder)
    write_table(path, {**columns, "label": columns["label"] + 1}, metadata)
    with pytest.raises(ProfileError, match="different samples"):
        Profile.load(folder)
    write_table(path, columns, metadata)
    columns, metadata = read_table(folder / "features.parquet")
    write_table(folder / "features.parquet", {**columns, "sample": columns["sample"][::-1]}, metadata)
    with pytest.raises(ProfileError, match="of other samples"):
        Profile.load(folder)


def test_a_profile_without_costs_waits_for_a_device(folder):
    shutil.rmtree(folder / "latency")
    (folder / "memory.parquet").unlink()
    assert read_latency(folder) is None
    assert read_memory(folder) == {}
    loaded = Profile.load(folder)
    assert loaded.latency is None
    assert loaded.memory_mb == {}


def test_latencies_of_each_choice_and_state(folder):
    path = folder / "latency" / "idle.parquet"
    columns, metadata = read_table(path)
    busy = {**columns, "latency_ms": columns["latency_ms"] * 2}
    write_table(folder / "latency" / "busy-1.parquet", busy, {**metadata, "state": "busy:1", "load": "9.5"})
    table = read_latency(folder)
    assert table.states == ("idle", "busy:1")
    assert table.load["busy:1"] == 9.5
    groups = table.by_choice()
    everything = [values for rows in table.by_size().values() for values in rows.values()]
    assert sum(map(len, everything)) == len(table.latency_ms) == 2 * len(columns["latency_ms"])
    for (variant, processor, state), values in groups.items():
        if state == "idle":
            np.testing.assert_allclose(groups[variant, processor, "busy:1"], values * 2)


def test_groups_are_stored_where_there_are_some(profile, folder):
    assert profile.groups == ()
    values = [np.zeros(1)] * len(profile.samples)
    groups = [f"photograph {number // 2}" for number in range(len(values))]
    write_groups(folder, ArraySamples(values, names=profile.samples, groups=groups))
    assert Profile.load(folder).groups == tuple(groups)
    assert Profile.load(folder).take([3, 0]).groups == ("photograph 1", "photograph 0")
    write_groups(folder, ArraySamples(values, names=profile.samples))
    assert Profile.load(folder).groups == ()


def test_groups_of_other_samples_are_refused(profile, folder):
    write_groups(folder, ArraySamples([np.zeros(1)] * 2, groups=["a", "a"]))
    with pytest.raises(ProfileError, match=r"groups\.parquet: is of other samples"):
        Profile.load(folder)
