"""Make variants here or in workers: what several share is made once in each, and what learns, learns once."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from compsel.errors import NotApplicableError
from compsel.inputs.samples import Samples
from compsel.models.model import Model
from compsel.parallel.backend import Backend
from compsel.parallel.running import run_tasks
from compsel.parallel.shards import shard_name
from compsel.parallel.task import ParallelTask, Work
from compsel.progress import Reporter
from compsel.variants.learned_parts import LearnedParts
from compsel.variants.recorded_maker import RecordedMaker
from compsel.variants.variant import OutputKind, Variant

__all__ = ["MadeOf", "MakingJob", "VariantMaking", "make_all"]


@dataclass(frozen=True)
class MakingJob:
    """What one maker makes: variants of a model that share what learned.

    Attributes:
        model: its name.
        learning: the technique that learns; "none" where none does.
        specs: techniques.
        output: what the first output is; None: found by running.
        fold: which of the folds it may not learn from; None: it learns from all samples.

    >>> MakingJob("intents", "student", ("student", "student+int8-dynamic"), fold=2).label
    'intents/student, student+int8-dynamic without fold 2'
    """

    model: str
    learning: str
    specs: tuple[str, ...]
    output: OutputKind | None = None
    fold: int | None = None

    @property
    def label(self) -> str:
        """What it is, in words."""
        return f"{self.model}/{', '.join(self.specs)}{'' if self.fold is None else f' without fold {self.fold}'}"


@dataclass(frozen=True)
class MadeOf:
    """What became of a job.

    Attributes:
        variants: by technique, the variant, or why there is none.
        new: techniques whose variants were made now.
        said: messages.
        learned: what the technique that learns made of the model; None: nothing was learned now.

    >>> MadeOf({"fuse": "nothing to fuse"}).new
    ()
    """

    variants: dict[str, Variant | str]
    new: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    learned: Model | None = None


class VariantMaking:
    """Makers of variants, by what they share; in a worker they start anew.

    Args:
        parts: the models, what techniques learned of them, and the samples.
        folder: of the variants' files.
        calibration: samples for the techniques that need some, and for the verification.
        without: makes what learned anew, without a fold: of the job and the samples that are left.
        others: by fold, those samples.

    >>> from compsel.inputs.samples import ArraySamples
    >>> VariantMaking(LearnedParts({}, ArraySamples([])), Path("variants"), ArraySamples([])).folder.name
    'variants'
    """

    def __init__(
        self,
        parts: LearnedParts,
        folder: Path,
        calibration: Samples,
        without: Callable[[LearnedParts, MakingJob, Samples], Model] | None = None,
        others: Sequence[Samples] = (),
    ) -> None:
        self.parts, self.folder, self.calibration = parts, folder, calibration
        self._without, self._others = without, others
        self._makers: dict[tuple[str, int | None, str], RecordedMaker] = {}
        self._said: list[str] = []
        self._making = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_makers": {}, "_said": [], "_making": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _making=threading.Lock())

    def make(self, job: MakingJob) -> MadeOf:
        """Make variants, or take those that are there.

        Raises:
            CompselError: what `RecordedMaker.make` raises but `NotApplicableError`.
        """
        with self._making:
            maker, self._said = self._maker(job), []
            found: dict[str, Variant | str] = {}
            new = []
            for spec in job.specs:
                try:
                    found[spec], made_now = maker.make(spec)
                except NotApplicableError as error:
                    found[spec] = str(error)
                else:
                    new += [spec] if made_now else []
            learned = self.parts.known(job.model, job.learning) if job.fold is None else None
            return MadeOf(found, tuple(new), tuple(self._said), learned)

    def made(self, job: MakingJob) -> MadeOf | None:
        """Return what an earlier run made of a job; None where some of it is missing."""
        with self._making:
            maker = self._maker(job)
            found: dict[str, Variant | str] = {}
            for spec in job.specs:
                variant = maker.known(spec)
                if variant is None:
                    return None
                found[spec] = variant
            return MadeOf(found)

    def _maker(self, job: MakingJob) -> RecordedMaker:
        key = (job.model, job.fold, job.learning)
        if key not in self._makers:
            if any(other[0] != job.model for other in self._makers):  # they hold the weights of another model
                self._makers.clear()
            model, reporter = self.parts.models[job.model], _Noting(self)
            if job.fold is None:
                learned, samples = partial(self.parts.of, job.model, job.learning), self.parts.samples
                place = self.folder
            else:
                assert self._without is not None
                samples, place = self._others[job.fold], self.folder / "folds" / str(job.fold)
                learned = partial(self._without, self.parts, job, samples)
            plain = job.learning == "none" and job.fold is None
            self._makers[key] = RecordedMaker(
                model,
                place,
                self.calibration,
                job.output,
                learned=None if plain else learned,
                samples=None if plain else samples,
                reporter=reporter,
            )
        return self._makers[key]


class _Noting(Reporter):
    """Keeps what a maker says for whoever asked for the variant."""

    def __init__(self, making: VariantMaking) -> None:
        self._making = making

    def say(self, message: str) -> None:
        self._making._said.append(message)


def make_all(
    making: VariantMaking, jobs: Sequence[MakingJob], backend: Backend, reporter: Reporter, label: str
) -> list[MadeOf]:
    """Make variants where a backend says; those of earlier runs are taken as they are.

    Args:
        making: what makes them.
        jobs: what to make, in the order of the results.
        backend, reporter, label: see `compsel.parallel.running.run_tasks`.

    Raises:
        CompselError: what making one raises, and `run_tasks`.
    """
    known = [making.made(job) for job in jobs]
    missing = [number for number, found in enumerate(known) if found is None]
    tasks = [
        ParallelTask(shard_name("variants", number, *jobs[number].specs), jobs[number].label, (jobs[number],))
        for number in missing
    ]
    for number, found in zip(missing, run_tasks(Work(_make, making), tasks, backend, reporter, label), strict=True):
        known[number] = found
    results = [found for found in known if found is not None]
    for job, result in zip(jobs, results, strict=True):
        if result.learned is not None:
            making.parts.learned(job.model, job.learning, result.learned)
        for message in result.said:
            reporter.say(message)
    return results


def _make(making: VariantMaking, job: MakingJob) -> MadeOf:
    return making.make(job)
