"""`map`: in order, lazily, each stage once for a group, and one bad input hurts only itself."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import compsel
from compsel.errors import CompselError, InputError, ObjectiveError
from compsel.processors.ort_session import OrtSession
from compsel.runtime import Runtime
from tests.answering_models import inputs, model
from tests.pinned_bundles import pinned

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 80, 64, 3), np.uint8)


@pytest.fixture(scope="module")
def linear(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    heads = {"y": ((4,), "")}
    with pinned(model(heads), tmp_path_factory.mktemp("linear"), "logits", independent_rows=True) as runtime:
        yield runtime


@pytest.mark.parametrize("batch", [1, 3, 7, 100])
def test_answers_come_in_their_order_whatever_the_batch(cascade_folder: Path, batch: int) -> None:
    with compsel.load(cascade_folder, adapt=False) as runtime:
        wanted = [runtime(image).outputs[0] for image in IMAGES]
        got = [answer.outputs[0] for answer in runtime.map(IMAGES, batch=batch)]
    np.testing.assert_array_equal(np.stack(got), np.stack(wanted))


def test_a_group_is_one_inference(linear: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    run = OrtSession.run

    def counted(session: OrtSession, feeds: Any, *more: Any) -> list[np.ndarray]:
        sizes.append(len(feeds["x"]))
        return run(session, feeds, *more)

    monkeypatch.setattr(OrtSession, "run", counted)
    feeds = inputs(10)
    got = [answer.outputs[0] for answer in linear.map(feeds, batch=4)]
    assert sizes == [4, 4, 2]
    np.testing.assert_allclose(np.concatenate(got), np.concatenate([linear.run(None, feed)[0] for feed in feeds]), 1e-5)


def test_no_more_is_taken_than_a_group(linear: Runtime) -> None:
    taken = itertools.count()
    feed = inputs(1)[0]
    endless = (feed for _ in taken)
    answers = linear.map(endless, batch=4)
    assert next(taken) == 0, "nothing is taken before an answer is asked for"
    next(answers)
    assert next(taken) == 5


def test_an_input_that_is_none_raises_in_its_turn_and_the_others_are_answered(linear: Runtime) -> None:
    good = inputs(3)
    sources: list[Any] = [good[0], {"x": np.zeros((1, 3), np.float32)}, "no tensors", good[1], good[2]]
    before = linear.stats()
    answers = linear.map(sources, batch=8)
    assert next(answers).outputs[0].shape == (1, 4)
    for _ in range(2):
        with pytest.raises(InputError):
            next(answers)
    assert [answer.outputs[0].shape for answer in answers] == [(1, 4)] * 2
    kinds = [isinstance(one, CompselError) for one in linear.map(sources, batch=2, return_exceptions=True)]
    assert kinds == [False, True, True, False, False]
    stats = linear.stats()
    assert (stats.answers - before.answers, stats.bad_inputs - before.bad_inputs) == (6, 4)


def test_an_iterable_that_breaks_does_so_after_what_it_gave(linear: Runtime) -> None:
    def broken() -> Iterator[Any]:
        yield from inputs(2)
        raise OSError("the disk is gone")

    answers = linear.map(broken(), batch=8)
    assert [next(answers).outputs[0].shape for _ in range(2)] == [(1, 4)] * 2
    with pytest.raises(OSError, match="disk is gone"):
        next(answers)
    with pytest.raises(StopIteration):
        next(answers)


def test_nothing_gives_nothing(linear: Runtime) -> None:
    assert list(linear.map([])) == []


def test_limits_hold_for_each(cascade_folder: Path) -> None:
    with compsel.load(cascade_folder) as runtime:
        assert all(answer.note for answer in runtime.map(IMAGES[:2], min_quality=1.0))
        with pytest.raises(ObjectiveError):
            runtime.map(IMAGES, min_quality=2.0)


@pytest.mark.parametrize("batch", [0, -1, 2.5, True, "3"])
def test_a_batch_that_is_none_is_refused_at_once(linear: Runtime, batch: Any) -> None:
    with pytest.raises(InputError, match="batch: got"):
        linear.map([], batch=batch)
