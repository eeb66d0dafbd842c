"""Work as it travels to a worker: pickled by value, opened once there. It goes between our own processes only."""

import hashlib
import os
import sys
import threading
import traceback
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compsel.errors import UsageError
from compsel.extending import VARIABLE, plugins_elsewhere, register_again, registered_here
from compsel.parallel.task import TaskResult, Work
from compsel.parallel.threads import only_one_thread

__all__ = ["Parcel", "run_here", "run_parcel"]

# work of this many runs stays open in a worker
_MOST_OPEN = 2
_open: OrderedDict[str, Work] = OrderedDict()
_opening = threading.Lock()


@dataclass(frozen=True)
class Parcel:
    """Work, packed: what was registered in this process is registered where it is opened.

    Attributes:
        digest: SHA-256 of the content.
        head: what has to be known where the content is opened: places of modules, and what the program registered.
        content: (n,) bytes; joblib hands large arrays to its processes as a map of one file.

    >>> parcel = Parcel.of(Work(pow, 2))
    >>> run_parcel(parcel.digest, parcel.head, parcel.content, (3,)).value
    8
    """

    digest: str
    head: bytes
    content: NDArray[np.uint8]

    @classmethod
    def of(cls, work: Work) -> "Parcel":
        """Pack.

        Raises:
            UsageError: something of it cannot be pickled.
        """
        import cloudpickle

        first = ([str(Path(place).absolute()) for place in sys.path], plugins_elsewhere(), registered_here())
        try:
            head, data = cloudpickle.dumps(first), cloudpickle.dumps(work)
        except Exception as error:  # whatever objects of others raise
            raise UsageError(
                f"what was given cannot travel to other processes ({error}): give --jobs 1 (in Python jobs=1), or give "
                "its class a __reduce__ that says how to make it anew"
            ) from error
        return cls(hashlib.sha256(head + data).hexdigest(), head, np.frombuffer(data, np.uint8))


def run_here(work: Work, arguments: tuple[Any, ...]) -> TaskResult:
    """Run a task in this process; what it raises is its result."""
    try:
        return TaskResult(work.function(work.common, *arguments))
    except Exception as error:  # whatever it is, the other tasks go on
        return TaskResult(error=error, traceback=traceback.format_exc())


def run_parcel(digest: str, head: bytes, content: Any, arguments: tuple[Any, ...]) -> TaskResult:
    """Run a task in a worker: one that can be pickled comes back, whatever happens."""
    import cloudpickle

    try:
        work = _opened(digest, head, content)
    except Exception as error:  # a module that is not there
        result = TaskResult(error=error, traceback=traceback.format_exc())
    else:
        result = run_here(work, arguments)
    if result.error is not None:
        try:
            cloudpickle.loads(cloudpickle.dumps(result.error))
        except Exception:
            words = f"{type(result.error).__name__}: {result.error}"
            return TaskResult(error=RuntimeError(words), traceback=result.traceback)
    return result


def _opened(digest: str, head: bytes, content: Any) -> Work:
    import cloudpickle

    with _opening:
        if digest not in _open:
            only_one_thread()
            places, plugins, registered = cloudpickle.loads(head)
            sys.path += [place for place in places if place not in sys.path]
            os.environ[VARIABLE] = os.pathsep.join(plugins)
            register_again(plugins, registered)
            _open[digest] = cloudpickle.loads(np.asarray(content, np.uint8).data)
            only_one_thread()  # also for what was loaded with it
            while len(_open) > _MOST_OPEN:
                _open.popitem(last=False)
        _open.move_to_end(digest)
        return _open[digest]
