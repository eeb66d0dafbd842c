"""A training that is interrupted goes on with what is missing, and the same bundle comes out."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import compsel
from compsel.building.build import build
from compsel.building.training_tables import trained_on
from compsel.inputs.samples import ImageFolder
from compsel.models.model import Model
from compsel.parallel.backend import Backend
from compsel.profiling.profile import Profile
from compsel.profiling.stream import ProfileStream
from compsel.progress import Reporter
from compsel.selection.objective import Objective
from compsel.selection.training.kept_fits import KeptFits
from compsel.selection.training.streaming.memory import MemoryLimit
from compsel.selection.training.trained import Trained
from tests.large_profiles import write_profile
from tests.measuring import quick
from tests.reporters import Heard, Stops

HERE = Backend.local(1)
# trains, and ends itself with SIGKILL as soon as it is told of what it is given: a part that is done
TRAIN = """
import os, signal, sys
import compsel
from compsel.progress import Reporter

class Kills(Reporter):
    def detail(self, message):
        if message == sys.argv[3]:
            os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    compsel.train(sys.argv[1], out=sys.argv[2], reporter=Kills(), backend=compsel.Backend.local(int(sys.argv[4])))
"""


def stopped(train: Callable[[Reporter], object], message: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(Stops(message))


def known(heard: Heard) -> list[str]:
    """Return what was said to be there from an earlier run."""
    return [message for message in heard.messages if "from an earlier run" in message]


def trained_now(heard: Heard) -> list[str]:
    """Return the fits that were done."""
    return [one for one in heard.messages if one.startswith("fold ") or one.endswith(" on all samples")]


def contents(bundle: Path) -> dict[str, bytes]:
    """Return the files of a bundle; two say how long its first answer took, which is never twice the same."""
    timed = ("bundle.json", "manifest.json")
    found = {path.relative_to(bundle).as_posix(): path for path in bundle.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if name not in timed}


def assert_same(one: Trained, other: Trained) -> None:
    """Check that all kinds, also those that do not ship, and how they were judged, are the same."""
    assert one.comparison.scores == other.comparison.scores
    assert one.comparison.winner == other.comparison.winner
    for name, outcome in one.comparison.outcomes.items():
        assert outcome.quality.tobytes() == other.comparison.outcomes[name].quality.tobytes()
        assert outcome.latency_ms.tobytes() == other.comparison.outcomes[name].latency_ms.tobytes()
        assert outcome.choices == other.comparison.outcomes[name].choices
    for name, fitted in one.fitted.items():
        assert fitted.policy.to_dict() == other.fitted[name].policy.to_dict()
        assert fitted.selectors == other.fitted[name].selectors
        assert fitted.portfolio == other.fitted[name].portfolio


@pytest.fixture(scope="module")
def whole(profile_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Trained, Path, Heard]:
    """A training that nothing interrupts, its bundle, and what it said."""
    out, heard = tmp_path_factory.mktemp("whole") / "bundle", Heard()
    return compsel.train(profile_folder, out=out, reporter=heard, backend=HERE), out, heard


def test_what_is_kept_changes_nothing_and_does_not_stay(
    whole: tuple[Trained, Path, Heard], profile_folder: Path
) -> None:
    trained, out, heard = whole
    assert_same(trained, compsel.train(profile_folder, backend=HERE))  # which keeps nothing
    assert sorted(path.name for path in out.parent.iterdir()) == ["bundle"]
    assert not known(heard)


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
@pytest.mark.parametrize(
    ("message", "jobs", "folds", "policies"),
    [("fold 2 of 5, cascade", 1, 6, 0), ("cascade on all samples", 1, 20, 2), ("fold 1 of 5, cascade", 2, 1, 0)],
)
def test_one_that_is_killed_goes_on_and_the_bundle_is_the_same(
    message: str,
    jobs: int,
    folds: int,
    policies: int,
    whole: tuple[Trained, Path, Heard],
    tmp_path: Path,
    profile_folder: Path,
) -> None:
    trained, uninterrupted, heard = whole
    out = tmp_path / "bundle"
    killed = subprocess.run([sys.executable, "-c", TRAIN, profile_folder, out, message, str(jobs)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not out.exists()
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "bundle.work" / "training").iterdir()}
    assert all(Path(name).suffix in (".parquet", ".json") for name in kept)
    assert len(kept) >= folds + policies if jobs > 1 else len(kept) == folds + policies
    again = Heard()
    goes_on = compsel.train(profile_folder, out=out, reporter=again, backend=HERE)
    assert any(one.startswith("cross-validation: ") for one in known(again))
    assert len(trained_now(again)) == len(trained_now(heard)) - len(kept)
    assert_same(goes_on, trained)
    assert contents(out) == contents(uninterrupted)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle"]


def interrupted(profile: Path, out: str | Path, message: str, **options: str) -> None:
    stopped(lambda reporter: compsel.train(profile, out=out, reporter=reporter, backend=HERE, **options), message)


def test_of_another_table_or_objective_nothing_is_taken(
    whole: tuple[Trained, Path, Heard], profile_folder: Path, profile: Profile, tmp_path: Path
) -> None:
    out, fits = tmp_path / "bundle", len(trained_now(whole[2]))
    interrupted(profile_folder, out, "fold 3 of 5")
    quality = profile.quality.copy()
    quality[5, 1] = 1 - quality[5, 1]
    other = Heard()
    changed = replace(profile, quality=quality)
    found = compsel.train(changed, out=out, files=profile_folder, reporter=other, backend=HERE)
    assert not known(other) and len(trained_now(other)) == fits
    assert_same(found, compsel.train(changed, backend=HERE))
    assert not (tmp_path / "bundle.work").exists(), "what nobody can use is gone too"
    interrupted(profile_folder, tmp_path / "other", "fold 3 of 5")
    goal, heard = {"goal": "at most 5 % less accurate"}, Heard()
    compsel.train(profile_folder, out=tmp_path / "other", reporter=heard, backend=HERE, **goal)
    assert not known(heard) and len(trained_now(heard)) == fits


def test_what_was_damaged_is_trained_again(
    whole: tuple[Trained, Path, Heard], profile_folder: Path, tmp_path: Path
) -> None:
    trained, uninterrupted, _ = whole
    interrupted(profile_folder, tmp_path / "bundle", "cascade on all samples")
    kept = sorted((tmp_path / "bundle.work" / "training").iterdir())
    for path in kept:
        path.write_bytes(path.read_bytes()[:100])
    heard = Heard()
    assert_same(compsel.train(profile_folder, out=tmp_path / "bundle", reporter=heard, backend=HERE), trained)
    assert not known(heard)
    assert contents(tmp_path / "bundle") == contents(uninterrupted)


def test_beside_an_address_it_goes_on_on_another_machine(
    whole: tuple[Trained, Path, Heard], profile_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fsspec")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "here"))
    out = "memory://interrupted/bundle"
    interrupted(profile_folder, out, "fold 3 of 5")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "there"))
    heard = Heard()
    assert_same(compsel.train(profile_folder, out=out, reporter=heard, backend=HERE), whole[0])
    assert len(known(heard)) == 1
    import fsspec

    assert not fsspec.filesystem("memory").find("/interrupted/bundle.work")
    assert contents(compsel.fetch(out)) == contents(whole[1])


@pytest.mark.slow
def test_a_build_goes_on_with_its_training_and_keeps_what_it_measured(
    lite0: Model, labelled_folder: Path, tmp_path: Path
) -> None:
    samples, out = ImageFolder(labelled_folder, classes=1000), tmp_path / "bundle"
    measuring = quick(techniques=("none", "resolution:128"), backend=HERE)
    stopped(lambda said: build([lite0], samples, out, measuring=measuring, reporter=said), "fold 3 of 5")
    heard = Heard()
    build([lite0], samples, out, measuring=measuring, reporter=heard)
    assert len(known(heard)) == 1
    assert not (tmp_path / "bundle.work" / "training").exists()
    assert (tmp_path / "bundle.work" / "profile.json").is_file()


def test_a_table_that_does_not_fit_goes_on_too(tmp_path: Path) -> None:
    write_profile(tmp_path / "p", 12_000, row_group=5000)
    limit, kept = MemoryLimit(700.0), KeptFits(tmp_path / "training")

    def train(reporter: Reporter) -> Trained:
        return trained_on(
            ProfileStream.open(tmp_path / "p"), Objective(), limit=limit, reporter=reporter, kept=kept
        ).trained

    stopped(train, "training cascade on")
    heard = Heard()
    first = train(heard)
    assert known(heard) == ["boosted: is there from an earlier run"]
    shutil.rmtree(tmp_path / "training")
    assert_same(train(Heard()), first)
    again = Heard()
    assert_same(train(again), first)
    assert len(known(again)) == 2
    write_profile(tmp_path / "other", 12_000, row_group=5000, seed=1)
    other = Heard()
    trained_on(ProfileStream.open(tmp_path / "other"), Objective(), limit=limit, reporter=other, kept=kept)
    assert not known(other)


def test_of_what_has_no_digest_nothing_is_taken(tmp_path: Path) -> None:
    kept = KeptFits(tmp_path)
    assert kept.digest("trainer", 3) == kept.digest("trainer", 3)
    assert kept.digest("trainer", len) != kept.digest("trainer", len)
