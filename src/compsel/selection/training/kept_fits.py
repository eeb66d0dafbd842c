"""What fits gave, kept in a folder until training is finished: one that is interrupted goes on with what is missing."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from compsel.errors import CompselError
from compsel.parallel.backend import Backend
from compsel.parallel.running import run_tasks
from compsel.parallel.shards import shard_name
from compsel.parallel.task import ParallelTask, Work
from compsel.progress import Reporter
from compsel.selection.training.digests import digest_of
from compsel.selection.training.kept_files import KeptFile

__all__ = ["KEPT_NOWHERE", "KeptFits"]

Value = TypeVar("Value")


@dataclass(frozen=True)
class KeptFits:
    """Where results of fits are kept, each in a file that is named after all that it depends on.

    Attributes:
        folder: of the files; made with the first of them. None: nothing is kept.

    >>> KeptFits().digest("a table"), len(KeptFits(Path("bundle.work/training")).digest("a table"))
    ('', 64)
    """

    folder: Path | None = None

    def digest(self, *values: Any) -> str:
        """Return what tells values from others, see `digest_of`; "" where nothing is kept.

        Of what has no digest, such as a function of the app's own trainer, nothing is ever taken again.
        """
        if self.folder is None:
            return ""
        try:
            return digest_of(*values)
        except TypeError:
            return secrets.token_hex(32)

    # many parameters: those of `run_tasks`, and how results are stored
    def run(
        self,
        work: Work,
        tasks: Sequence[ParallelTask],
        file: KeptFile[Value],
        backend: Backend,
        reporter: Reporter,
        label: str,
    ) -> list[Value]:
        """Return what work gives for each task: from its file, or computed where a backend says, and then kept.

        Files are written here as results arrive: workers need not reach the folder. What was stored is what goes on, so
        that all is the same whether a training was interrupted or not.

        Args:
            work: what tasks do.
            tasks: named after what they depend on.
            file: how their results are stored.
            backend, reporter, label: see `run_tasks`.

        Raises:
            CompselError: see `run_tasks`; StorageError where a result cannot be written.
        """
        known = {task.name: value for task in tasks if (value := self._read(task.name, file)) is not None}
        if known:
            reporter.detail(f"{label}: {len(known)} of {len(tasks)} parts are there from an earlier run")
        missing = [task for task in tasks if task.name not in known]

        def keep(task: ParallelTask, value: Value) -> Value:
            return self._kept(task.name, file, value)

        found = run_tasks(work, missing, backend, reporter, label, details=True, done=keep)
        known |= {task.name: value for task, value in zip(missing, found, strict=True)}
        return [known[task.name] for task in tasks]

    def fit(
        self, parts: Sequence[object], file: KeptFile[Value], fit: Callable[[], Value], label: str, reporter: Reporter
    ) -> Value:
        """Return what a single fit gives: from its file, or computed here, and then kept.

        Args:
            parts: digests and names of all that it depends on.
            file: how its result is stored.
            fit: computes it.
            label: what it is, in words.
            reporter: hears where it is there from an earlier run.
        """
        name = shard_name(*parts)
        known = self._read(name, file)
        if known is not None:
            reporter.detail(f"{label}: is there from an earlier run")
            return known
        return self._kept(name, file, fit())

    def _kept(self, name: str, file: KeptFile[Value], value: Value) -> Value:
        path = self._path(name, file)
        if path is None:
            return value
        file.write(path, value)
        read = self._read(name, file)
        return value if read is None else read

    def _read(self, name: str, file: KeptFile[Value]) -> Value | None:
        """Return what is kept under a name; None: nothing, or something damaged, which is computed anew."""
        path = self._path(name, file)
        if path is None or not path.is_file():
            return None
        try:
            return file.read(path)
        except (CompselError, OSError, ValueError, LookupError, TypeError):
            return None

    def _path(self, name: str, file: KeptFile[Any]) -> Path | None:
        return None if self.folder is None else self.folder / f"{name}{file.suffix}"


KEPT_NOWHERE = KeptFits()
