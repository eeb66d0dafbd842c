"""What an earlier call measured is taken up where it is of these files on this device; other tables are not read."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from compsel.building.measure import measure
from compsel.building.training_tables import selection_dataset
from compsel.inputs.samples import ArraySamples
from compsel.models.model import Model
from compsel.networks import build
from compsel.profiling.profile import Profile
from compsel.storage.parquet import read_table, write_table
from tests.measuring import quick
from tests.reporters import Heard


@pytest.fixture(scope="module")
def images() -> ArraySamples:
    return ArraySamples([np.random.default_rng(n).integers(0, 256, (40, 40, 3), np.uint8) for n in range(8)])


@pytest.fixture(scope="module")
def network() -> Model:
    return build("mobilenet-v1", width=0.25, resolution=32)


@pytest.fixture(scope="module")
def other_network(network: Model) -> Model:
    """Another network of the same name."""
    return replace(build("mobilenet-v1", width=0.25, resolution=64), name=network.name)


def measured(
    model: Model, images: ArraySamples, folder: Path, states: tuple[str, ...], *techniques: str, **options: object
) -> tuple[Profile, list[str]]:
    heard = Heard()
    wanted = quick(techniques=("none", *techniques), states=states, **options)
    return measure([model], images, folder, wanted, reporter=heard)[0], heard.messages


def states_of(profile: Profile) -> set[str]:
    assert profile.latency is not None
    return set(profile.latency.states)


def test_states_of_another_network_of_the_same_name_are_not_read(
    network: Model, other_network: Model, images: ArraySamples, tmp_path: Path
) -> None:
    measured(network, images, tmp_path, ("idle", "busy:1"))
    profile, said = measured(other_network, images, tmp_path, ("idle",))
    assert states_of(profile) == states_of(Profile.load(tmp_path)) == {"idle"}
    assert any("busy:1 was measured before, with other files" in message for message in said)
    assert any("busy:1 was measured before, with other files" in warning for warning in profile.warnings)
    # and are measured when they are asked for
    profile, said = measured(other_network, images, tmp_path, ("idle", "busy:1"))
    assert states_of(profile) == {"idle", "busy:1"}
    assert not any("measured before" in message for message in [*said, *profile.warnings])


@pytest.mark.parametrize("more", ["a technique", "a processor"])
def test_new_choices_are_not_dropped_for_a_state_that_lacks_them(
    network: Model, images: ArraySamples, tmp_path: Path, more: str
) -> None:
    measured(network, images, tmp_path, ("idle", "busy:1"))
    techniques = ("float16",) if more == "a technique" else ()
    processors = ("cpu:1", "cpu:2") if more == "a processor" else ("cpu:1",)
    profile, said = measured(network, images, tmp_path, ("idle",), *techniques, processors=processors)
    _, costs = selection_dataset(profile)
    assert len(costs.choices) == len(profile.variants) * len(processors) == 2
    assert states_of(profile) == {"idle"}
    assert any("busy:1 was measured before, without " in message for message in said)


def test_states_that_hold_all_of_it_are_kept(network: Model, images: ArraySamples, tmp_path: Path) -> None:
    measured(network, images, tmp_path, ("busy:1",), "float16")
    profile, said = measured(network, images, tmp_path, ("idle",))
    assert states_of(profile) == {"idle", "busy:1"}
    assert set(profile.latency.variant) == {variant.name for variant in profile.variants}
    assert not any("measured before" in message for message in said)


def test_what_another_device_measured_is_not_read(network: Model, images: ArraySamples, tmp_path: Path) -> None:
    measured(network, images, tmp_path, ("idle", "busy:1"))
    path = tmp_path / "latency" / "busy-1.parquet"
    columns, metadata = read_table(path)
    write_table(path, columns, metadata | {"device": '{"cpu": "another"}'})
    assert states_of(Profile.load(tmp_path)) == {"idle"}
    _, said = measured(network, images, tmp_path, ("idle",))
    assert any("busy:1 was measured before, on another device" in message for message in said)


def test_profiles_that_do_not_say_what_was_measured_are_read_as_before(
    network: Model, images: ArraySamples, tmp_path: Path
) -> None:
    measured(network, images, tmp_path, ("idle", "busy:1"))
    header = tmp_path / "profile.json"
    text = header.read_text()
    assert '"processors"' in text
    header.write_text(text.replace('"processors"', '"not yet"'))
    assert states_of(Profile.load(tmp_path)) == {"idle", "busy:1"}
