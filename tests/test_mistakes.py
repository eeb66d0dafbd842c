"""What people type or hand over by mistake ends in status 2 and one line that says what, and the next step."""

import shutil
from pathlib import Path

import pytest

from tests.bad_input_world import World, make_world
from tests.bad_inputs import BAD_INPUT
from tests.mistakes import MISTAKES, Mistake, line_of


@pytest.fixture(scope="module")
def made_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_mistake_gets_one_line_with_the_next_step(mistake: Mistake, made_world: World, tmp_path: Path) -> None:
    world = World(Path(shutil.copytree(made_world.folder, tmp_path / "world")))
    status, errors = line_of(mistake, world)
    # what was understood of the samples may be said before
    *said, line = errors.splitlines()
    assert not any(earlier.startswith("compsel: ") for earlier in said)
    assert status == BAD_INPUT
    assert line.startswith("compsel: ")
    what, _, after = line.partition(mistake.says)
    assert mistake.says in line, line
    assert mistake.do in after or mistake.do in what, line
