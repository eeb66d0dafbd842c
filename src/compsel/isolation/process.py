"""A worker process, and calls of functions there."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import weakref
from collections import deque
from contextlib import suppress
from typing import IO, Any

from compsel.errors import CrashError
from compsel.extending import environment
from compsel.isolation.messages import receive, send

__all__ = ["LIMIT_S", "WorkerProcess", "shared_worker"]

#: how long a call may take: what takes longer hangs
LIMIT_S = 900.0
_START_S = 120.0
_PIPE_BYTES = 1 << 20
# the modules are found where this process finds them, whatever lies in the folder that it was started in
_CODE = "import sys; sys.path[:] = {!r}; from compsel.isolation.worker import serve; serve()"
_WINDOWS = {0xC0000005: "access violation", 0xC000001D: "illegal instruction", 0xC0000409: "abort"}


class WorkerProcess:
    """A process that calls functions for this one.

    Args:
        limit_s: how long a call may take.

    Raises:
        OSError: no process can be started here.

    >>> process = WorkerProcess()
    >>> process.call("math:sqrt", 4.0)
    2.0
    >>> process.call("os:abort")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    compsel.errors.CrashError: the runtime ended with ... while it worked...
    """

    def __init__(self, limit_s: float = LIMIT_S) -> None:
        self._limit_s = limit_s
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._late: deque[tuple[str, Any]] = deque()
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        if not sys.executable or getattr(sys, "frozen", False):
            raise OSError("this program is no Python interpreter that could be started again")
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CODE.format([os.fspath(place) for place in sys.path])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            env=environment(),
        )
        _widen(self._process.stdin, self._process.stdout)
        self._close = weakref.finalize(self, _close, self._pid, self._process, self._words)
        try:
            self._exchange(None, "started", _START_S)
        except CrashError as error:
            raise OSError(str(error)) from error

    @property
    def alive(self) -> bool:
        """Whether it answers calls, of this process: one that was forked from it has to start its own."""
        return self._pid == os.getpid() and self._process.poll() is None

    def call(self, function: str, *arguments: Any, doing: str = "worked") -> Any:
        """Call a function of a module and return its result, or raise what it raises.

        Args:
            function: "module:name".
            arguments: as `compsel.isolation.messages` takes them.
            doing: what it does, in the past tense, for the message.

        Raises:
            CrashError: the process ended, or did not answer in time.
        """
        with self._lock:
            while self._late:
                late, argument = self._late.popleft()
                self._exchange([late, [argument]], "worked", self._limit_s)
            answer = self._exchange([function, list(arguments)], doing, self._limit_s)
        if "error" in answer:
            raise _error(*answer["error"])
        return answer["result"]

    def call_late(self, function: str, argument: Any) -> None:
        """Call a function now, or with the next call where there is one under way: for what the collector frees."""
        if not self.alive:
            return
        self._late.append((function, argument))
        if self._lock.acquire(blocking=False):
            try:
                while self._late:
                    late, given = self._late.popleft()
                    self._exchange([late, [given]], "worked", self._limit_s)
            except CrashError:  # nobody waits for what it would have freed
                pass
            finally:
                self._lock.release()

    def close(self) -> None:
        """End the process."""
        self._close()

    def _exchange(self, message: Any, doing: str, limit_s: float) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        overdue = threading.Event()

        def end() -> None:
            overdue.set()
            self._process.kill()

        timer = threading.Timer(limit_s, end)
        timer.daemon = True
        timer.start()
        try:
            if message is not None:
                send(self._process.stdin, message)  # type: ignore[arg-type]  # a pipe, as it was opened
            return receive(self._process.stdout)  # type: ignore[arg-type]  # a pipe, as it was opened
        except (EOFError, OSError, ValueError) as error:
            raise CrashError(self._end(doing, limit_s if overdue.is_set() else None)) from error
        except BaseException:  # an interrupt: half a message was read
            self.close()
            raise
        finally:
            timer.cancel()

    def _end(self, doing: str, limit_s: float | None) -> str:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        said = self._last_words()
        status = self._process.poll()
        self.close()
        if limit_s is not None:
            return f"the runtime did not answer within {limit_s:g} s while it {doing}"
        return f"the runtime ended with {_status(status)} while it {doing}{said and f': {said}'}"

    def _last_words(self) -> str:
        with suppress(OSError, ValueError):
            self._words.seek(0)
            lines = self._words.read()[-2000:].decode(errors="replace").strip().splitlines()
            return lines[-1][:200] if lines else ""
        return ""


_shared: list[WorkerProcess] = []
_no_process: list[str] = []
_starting = threading.Lock()


def shared_worker() -> WorkerProcess | None:
    """Return the worker of this process, started when it is needed; None where no process can be started here."""
    with _starting:
        if _shared and _shared[0].alive:
            return _shared[0]
        _shared.clear()
        if _no_process:
            return None
        try:
            _shared.append(WorkerProcess())
        except OSError as error:
            _no_process.append(str(error))
            return None
        return _shared[0]


def _widen(*pipes: IO[bytes] | None) -> None:
    """Let pipes hold more at once, where the system can: fewer turns between the processes."""
    if sys.platform == "linux":
        import fcntl

        for pipe in pipes:
            with suppress(OSError):  # above what the system allows
                assert pipe is not None
                fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _close(pid: int, process: "subprocess.Popen[bytes]", words: IO[bytes]) -> None:
    if pid != os.getpid():  # a forked process does not end what it did not start
        return
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, words):
        with suppress(OSError):  # what was not sent yet
            if stream is not None:
                stream.close()


def _status(code: int | None) -> str:
    if code is None:
        return "no status"
    if code < 0:
        number = -code
        with suppress(ValueError):
            name = signal.Signals(number).name
            memory = "; the system may have run out of memory" if name == "SIGKILL" else ""
            return f"signal {number} ({name}{memory})"
        return f"signal {number}"
    named = _WINDOWS.get(code)
    return f"status {code:#x} ({named})" if named else f"status {code}"


def _error(module: str, name: str, text: str) -> Exception:
    """Return the exception that was raised there, where its class is known here."""
    kind = getattr(sys.modules.get(module), name, None)
    if isinstance(kind, type) and issubclass(kind, Exception):
        with suppress(TypeError):
            return kind(text)
    return RuntimeError(f"{name}: {text}")
