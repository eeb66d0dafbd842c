"""A small world of files that several tests of commands read."""

import pytest

from tests.bad_input_world import World, make_world


@pytest.fixture(scope="session")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A small network, a photograph, labelled samples, a bundle: read-only."""
    return make_world(tmp_path_factory.mktemp("world"))
