"""Engines that are loaded: opened when first needed; under a limit, the least recently used is dropped."""

import contextlib
import math
import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from compsel.bundle.verified_files import VerifiedFiles
from compsel.errors import BundleError
from compsel.processors import parse
from compsel.processors.base import Processor
from compsel.progress.logger import log_event
from compsel.runtime.engines.early_opening import EarlyOpening
from compsel.variants.engine import Engine
from compsel.variants.variant import Variant

if TYPE_CHECKING:
    from compsel.features.output_confidence import OutputReader

__all__ = ["EnginePool"]

# what is measured while the app itself allocates is no engine's: so many times the file, and so much besides, at most
_MOST_FACTOR, _BESIDES_MB = 4.0, 32.0
_ESTIMATED_FACTOR = 2.5  # where nothing can be measured


class EnginePool:
    """Holds the engines of a bundle.

    Args:
        variants: by name.
        folder: of their files.
        files: of the bundle, as they were checked; None: what lies in the folder.
        memory_limit_mb: so much may stay loaded, as measured when each was opened; the engine that is asked for is
            always loaded. None: all.
        reader: of answers without class scores, see `Engine`.
        early: opens a session already; None: nothing does.
    """

    def __init__(
        self,
        variants: Mapping[str, Variant],
        folder: Path,
        files: VerifiedFiles | None = None,
        memory_limit_mb: float | None = None,
        reader: "OutputReader | None" = None,
        early: EarlyOpening | None = None,
    ) -> None:
        self._early = early
        self._reader = reader
        self._variants = variants
        self._folder, self._files = folder, files
        self._limit_mb = memory_limit_mb
        self._engines: OrderedDict[tuple[str, str, bool], Engine] = OrderedDict()
        self._processors: dict[str, Processor] = {}
        self._measured_mb: weakref.WeakKeyDictionary[Engine, float] = weakref.WeakKeyDictionary()
        self._measuring = threading.Lock()
        self._known_good: dict[tuple[str, bool], dict[str, np.ndarray]] = {}
        self._process, self._lock = os.getpid(), threading.Lock()
        self._opening: dict[tuple[str, str, bool], threading.Lock] = {}
        self._closed = False
        self._freed = threading.Event()

    def get(self, variant: str, processor: str, tensors: bool = False) -> Engine:
        """Return the engine of a choice, loading it if need be.

        Raises:
            BundleError: after `close`.
        """
        key = (variant, processor, tensors)
        with self._locked():
            engine = self._known(key)
            # one opens it, whoever else needs it waits; those that are open answer meanwhile
            opening = self._opening.setdefault(key, threading.Lock())
        if engine is not None:
            return engine
        with opening:
            with self._locked():
                engine = self._known(key)
            if engine is None:
                engine = self._keep(key, self._open(*key))
            return engine

    def opened(self, variant: str, processor: str, tensors: bool = False) -> Engine | None:
        """Return the engine of a choice; None where it is not loaded.

        Raises:
            BundleError: after `close`.
        """
        key = (variant, processor, tensors)
        engine = self._engines.get(key)
        if self._limit_mb is None:
            return engine
        with self._locked():
            return self._known(key)

    @property
    def is_unlimited(self) -> bool:
        """Whether every engine stays that is opened."""
        return self._limit_mb is None

    def is_open(self, variant: str, processor: str) -> bool:
        """Whether a choice is loaded, for inputs of one kind or the other."""
        return (variant, processor, False) in self._engines or (variant, processor, True) in self._engines

    @property
    def early_choice(self) -> tuple[str, str] | None:
        """Variant and processor of what is being opened early; None where nothing is."""
        said = None if self._early is None else self._early.key
        if said is None:
            return None
        named = (name for name, variant in self._variants.items() if variant.graph_file == said[0])
        return next(((name, said[1]) for name in named), None)

    def processor(self, name: str) -> Processor:
        """Return the processor of a name.

        Raises:
            ProcessorError: no such name.
        """
        if name not in self._processors:
            self._processors[name] = parse(name)
        return self._processors[name]

    def drop(self, variant: str, processor: str) -> None:
        """Forget the engines of a choice that failed: it is opened anew when it is tried again."""
        with self._locked():
            for tensors in (False, True):
                # a call in another thread may still run it: dropping the reference lets it finish
                self._engines.pop((variant, processor, tensors), None)
                # nor does a thread that hangs while it opens it hold up the next one
                self._opening.pop((variant, processor, tensors), None)

    @property
    def resident_mb(self) -> float:
        """How much memory the loaded engines take: measured under a limit, else estimated; a shared session once."""
        # a list, made in one step: another thread may open one
        by_session = {id(engine.session): self._taken(engine) for engine in list(self._engines.values())}
        return sum(by_session.values())

    @property
    def open_engines(self) -> tuple[str, ...]:
        """Return what is loaded, as "<variant>@<processor>", in order."""
        with self._locked():
            return tuple(sorted({f"{variant}@{processor}" for variant, processor, _ in self._engines}))

    def return_freed(self) -> None:
        """Give memory back to the system, where engines were freed since the last time: takes milliseconds."""
        if self._freed.is_set():
            self._freed.clear()
            _return_freed_memory()

    def close(self) -> None:
        """Close every engine, for good."""
        with self._locked():
            self._closed = True
            engines = list(self._engines.values())
            self._engines.clear()
        for engine in engines:
            engine.close()
        _return_freed_memory()

    def _known(self, key: tuple[str, str, bool]) -> Engine | None:
        if self._closed:
            raise BundleError("the runtime is closed: load the bundle again")
        engine = self._engines.get(key)
        if engine is not None and self._limit_mb is not None:
            self._engines.move_to_end(key)
        return engine

    def _keep(self, key: tuple[str, str, bool], engine: Engine) -> Engine:
        with self._locked():
            if not self._closed:
                self._engines[key] = engine
                weakref.finalize(engine, self._freed.set)
                self._opening.pop(key, None)
                self._evict(key)
                return engine
        engine.close()
        raise BundleError("the runtime is closed: load the bundle again")

    def _locked(self) -> threading.Lock:
        if self._process != os.getpid():
            # whoever held a lock when the process forked is not here to give it back
            self._process, self._lock, self._opening = os.getpid(), threading.Lock(), {}
            self._measuring = threading.Lock()
        return self._lock

    def _taken(self, engine: Engine) -> float:
        return self._measured_mb.get(engine, engine.variant.size_bytes * _ESTIMATED_FACTOR / 1e6)

    def _open(self, variant: str, processor: str, tensors: bool) -> Engine:
        if self._limit_mb is None:
            return self._open_now(variant, processor, tensors)
        # one after the other: else each would be measured with the others
        from compsel.device.resident_memory import resident_mb  # where memory is limited

        with self._measuring:
            self.return_freed()
            before_mb = resident_mb()
            engine = self._open_now(variant, processor, tensors)
            with contextlib.suppress(Exception):  # who uses it is told
                engine.warm_up()
            taken_mb = resident_mb() - before_mb
        if not math.isnan(taken_mb):
            most_mb = engine.variant.size_bytes * _MOST_FACTOR / 1e6 + _BESIDES_MB
            self._measured_mb[engine] = min(max(taken_mb, 0.0), most_mb)
        return engine

    def _open_now(self, variant: str, processor: str, tensors: bool) -> Engine:
        where = self.processor(processor)
        fields = {"variant": variant, "processor": processor}
        log_event("DEBUG", "engine_opening", "loading %s on %s", variant, processor, fields=fields)
        described, good = self._variants[variant], self._known_good.setdefault((variant, tensors), {})
        twin = self._engines.get((variant, processor, not tensors))
        # the same file for both: one session does
        session = twin.session if twin is not None and described.pixels_file is None else None
        if session is None and self._early is not None:
            session = self._early.take(described.opened_file(tensors=tensors), processor)
        graph = None
        if self._files is not None and session is None:
            weights = None if described.weights_file is None else _in_bundle(described.weights_file)
            graph = self._files.graph(_in_bundle(described.opened_file(tensors=tensors)), weights)
        return Engine(
            described,
            self._folder,
            where,
            tensors=tensors,
            reader=self._reader,
            known_good=good,
            graph=graph,
            session=session,
        )

    def _evict(self, keep: tuple[str, str, bool]) -> None:
        if self._limit_mb is None:
            return
        while self.resident_mb > self._limit_mb and len(self._engines) > 1:
            oldest = next(key for key in self._engines if key != keep)
            fields = {"variant": oldest[0], "processor": oldest[1], "limit_mb": self._limit_mb}
            text = "%s on %s is dropped: it would take more than %g MB"
            log_event("DEBUG", "engine_dropped", text, *oldest[:2], self._limit_mb, fields=fields)
            # a call in another thread may still run it: dropping the reference lets it finish
            del self._engines[oldest]


def _in_bundle(file: str) -> str:
    return f"variants/{file}"


def _return_freed_memory() -> None:
    from compsel.isolation.freed_memory import return_freed_memory  # nothing is freed before the first answer

    return_freed_memory()
