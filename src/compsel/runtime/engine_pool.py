"""Engines that are loaded: opened when first needed; under a limit, the least recently used is dropped."""

import os
import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from compsel.bundle.verified_files import VerifiedFiles
from compsel.errors import BundleError
from compsel.features.output_confidence import OutputReader
from compsel.processors import parse
from compsel.processors.base import Processor
from compsel.progress.logger import LOGGER
from compsel.variants.engine import Engine
from compsel.variants.variant import Variant

__all__ = ["EnginePool"]

# weights, their packed copy and activations take about this many times the file
_RESIDENT_FACTOR = 2.5


class EnginePool:
    """Holds the engines of a bundle.

    Args:
        variants: by name.
        folder: of their files.
        files: of the bundle, as they were checked; None: what lies in the folder.
        memory_limit_mb: about so much may stay loaded; the engine that is asked for is always loaded. None: all.
        reader: of answers without class scores, see `Engine`.
    """

    def __init__(
        self,
        variants: Mapping[str, Variant],
        folder: Path,
        files: VerifiedFiles | None = None,
        memory_limit_mb: float | None = None,
        reader: OutputReader | None = None,
    ) -> None:
        self._reader = reader
        self._variants = variants
        self._folder, self._files = folder, files
        self._limit_mb = memory_limit_mb
        self._engines: OrderedDict[tuple[str, str, bool], Engine] = OrderedDict()
        self._processors: dict[str, Processor] = {}
        self._known_good: dict[tuple[str, bool], dict[str, np.ndarray]] = {}
        self._process, self._lock = os.getpid(), threading.Lock()
        self._opening: dict[tuple[str, str, bool], threading.Lock] = {}
        self._closed = False

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
        """About how much memory the loaded engines take."""
        return sum(engine.variant.size_bytes for engine in self._engines.values()) * _RESIDENT_FACTOR / 1e6

    def close(self) -> None:
        """Close every engine, for good."""
        with self._locked():
            self._closed = True
            engines = list(self._engines.values())
            self._engines.clear()
        for engine in engines:
            engine.close()

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
                self._opening.pop(key, None)
                self._evict(key)
                return engine
        engine.close()
        raise BundleError("the runtime is closed: load the bundle again")

    def _locked(self) -> threading.Lock:
        if self._process != os.getpid():
            # whoever held a lock when the process forked is not here to give it back
            self._process, self._lock, self._opening = os.getpid(), threading.Lock(), {}
        return self._lock

    def _open(self, variant: str, processor: str, tensors: bool) -> Engine:
        where = self._processor(processor)
        LOGGER.debug("loading %s on %s", variant, processor)
        described, good = self._variants[variant], self._known_good.setdefault((variant, tensors), {})
        graph = None
        if self._files is not None:
            weights = None if described.weights_file is None else _in_bundle(described.weights_file)
            graph = self._files.graph(_in_bundle(described.opened_file(tensors=tensors)), weights)
        return Engine(
            described, self._folder, where, tensors=tensors, reader=self._reader, known_good=good, graph=graph
        )

    def _processor(self, name: str) -> Processor:
        if name not in self._processors:
            self._processors[name] = parse(name)
        return self._processors[name]

    def _evict(self, keep: tuple[str, str, bool]) -> None:
        if self._limit_mb is None:
            return
        while self.resident_mb > self._limit_mb and len(self._engines) > 1:
            oldest = next(key for key in self._engines if key != keep)
            LOGGER.debug("%s on %s is dropped: it would take more than %g MB", *oldest[:2], self._limit_mb)
            # a call in another thread may still run it: dropping the reference lets it finish
            del self._engines[oldest]


def _in_bundle(file: str) -> str:
    return f"variants/{file}"
