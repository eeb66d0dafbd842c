"""How many threads of this process can run at this moment, from `/proc/self/task`."""

import os
import threading
from pathlib import Path

from compsel.device.pseudo_files import PseudoFile

__all__ = ["ProcessThreads"]


class ProcessThreads:
    """Counts the threads of this process that run or wait for a core. Their files are kept open.

    Args:
        proc: where the kernel's tree is mounted.

    >>> ProcessThreads(Path("/no/such/folder")).runnable()
    0
    """

    def __init__(self, proc: Path) -> None:
        self._folder = proc / "self/task"
        self._files: dict[str, PseudoFile] = {}

    def runnable(self) -> int:
        """Return how many can run, the calling thread not counted; 0 where the kernel does not say."""
        try:
            names = set(os.listdir(self._folder))  # noqa: PTH208  half the time of `iterdir`
        except OSError:
            return 0
        for ended in self._files.keys() - names:
            self._files.pop(ended).close()
        for begun in names - self._files.keys():
            self._files[begun] = PseudoFile(self._folder / begun / "stat")
        mine = str(threading.get_native_id())
        return sum(_state(file.read()) == b"R" for name, file in self._files.items() if name != mine)

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()
        self._files.clear()


def _state(stat: bytes) -> bytes:
    # 123 (a name, which may hold brackets) R 1 ...
    return stat.rpartition(b") ")[2][:1]
