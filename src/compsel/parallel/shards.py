"""Work cut in shards: the result of each is a file, whole or not there; one that is there is not computed again."""

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compsel import __version__
from compsel.parallel.backend import Backend
from compsel.parallel.running import run_tasks
from compsel.parallel.task import ParallelTask, Work
from compsel.progress import SILENT, Reporter

__all__ = ["SHARDS", "Shard", "remove_shards", "run_shards", "shard_name"]

#: name of the folder of shards in a folder of work
SHARDS = "shards"


@dataclass(frozen=True)
class Shard:
    """A part of the work.

    Attributes:
        path: of its result; its name says what goes in (`shard_name`).
        label: what it is, in words.
        arguments: what the function is given after the path.

    >>> Shard(Path("shards") / shard_name("quality", "3f0c"), "quality of lite0/none").label
    'quality of lite0/none'
    """

    path: Path
    label: str
    arguments: tuple[Any, ...] = ()


def shard_name(*parts: object) -> str:
    """Return a name that is the same for the same work: a hash of what goes in, and of the version of compsel.

    Args:
        parts: hashes of models, variants and samples, ranges, techniques, versions of formats.

    >>> shard_name("quality", "3f0c", 0, 100) == shard_name("quality", "3f0c", 0, 100)
    True
    """
    text = "\0".join(map(str, (__version__, *parts)))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def run_shards(
    function: Callable[..., None],
    common: Any,
    shards: Sequence[Shard],
    backend: Backend,
    reporter: Reporter = SILENT,
    label: str = "shards",
) -> None:
    """Compute the shards that are not there yet, each by `function(common, path, *arguments)`.

    Args:
        function: writes the result to the path by one of storage's atomic writers: whole or not at all. Workers
            import it.
        common: what all shards share; it travels once to each worker.
        shards: with different paths, which workers reach too.
        backend: where they are computed.
        reporter, label: see `run_tasks`.

    Raises:
        CompselError: what `compsel.parallel.running.run_tasks` raises.

    >>> import tempfile
    >>> from compsel.storage.files import write_json
    >>> def write(base, path, power):
    ...     write_json(path, base**power)
    >>> path = Path(tempfile.mkdtemp()) / shard_name("powers", 2, 3)
    >>> run_shards(write, 2, [Shard(path, "2 to the power of 3", (3,))], Backend.local(1))
    >>> path.read_text().strip()
    '8'
    """
    missing = [shard for shard in shards if not shard.path.exists()]
    if known := len(shards) - len(missing):
        reporter.detail(f"{label}: {known} of {len(shards)} parts are there from an earlier run")
    tasks = [ParallelTask(shard.path.stem, shard.label, (shard.path, *shard.arguments)) for shard in missing]
    run_tasks(Work(_once, (function, common)), tasks, backend, reporter, label)


def remove_shards(folder: Path) -> None:
    """Remove shards whose results stand in a table by now; a place that cannot be emptied is left as it is."""
    shutil.rmtree(folder, ignore_errors=True)


def _once(common: tuple[Callable[..., None], Any], path: Path, *arguments: Any) -> None:
    """Compute a shard, unless a worker that was taken for dead has done it by now."""
    function, shared = common
    if not path.exists():
        function(shared, path, *arguments)
