"""Processors other than the CPU: ONNX Runtime's execution providers, built in or plugged in."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import onnxruntime

from compsel.errors import CompselError, ProcessorError
from compsel.models.ort_errors import FELL_BACK
from compsel.models.ort_options import session_options
from compsel.processors.base import Availability, Processor, ProcessorFamily
from compsel.processors.ort_session import OrtSession
from compsel.processors.placement import Placement, place, time_share
from compsel.processors.plugins import captured_log, plugin_device, plugin_providers
from compsel.processors.provider_table import PROVIDERS, STRICT, Provider
from compsel.processors.smoke_test import smoke_feeds, smoke_graph, smoke_test

__all__ = ["PROVIDERS", "Provider", "ProviderFamily", "ProviderProcessor", "is_offered", "plugin_providers"]

# where less of a graph is placed, the name of the processor would say what is not so
_LEAST_NODE_SHARE = 0.5
_WARM_UP_RUNS = 2
_MOST_DEVICES = 16
_RECORD = "session.record_ep_graph_assignment_info"
_NOT_WHOLE = "it did not start, or cannot run every operator of the model"


@dataclass(frozen=True)
class ProviderProcessor(Processor):
    """One device of one execution provider.

    Where ONNX Runtime can tell which operators the provider took (since version 1.24), a graph may be placed partly:
    `placement` of its session says so. Fewer than half of the operators, or any left out under the option `strict`, and
    the session does not open; neither does it where ONNX Runtime cannot tell.

    Attributes:
        entry: the provider's line in `PROVIDERS`.
        device: one of its devices, or another number for those that are numbered.
        options: in our words, see `Provider.options`; a mapping or its sorted pairs.
        name: for example "cuda:0", "webgpu", "openvino:CPU:precision=f32,threads=2".

    Raises:
        ProcessorError: a device, an option or a value that the provider has not.

    >>> line = next(line for line in PROVIDERS if line.word == "openvino")
    >>> ProviderProcessor(line, "CPU", {"threads": "2", "precision": "f32"}).name
    'openvino:CPU:precision=f32,threads=2'
    """

    entry: Provider
    device: str = ""
    options: Mapping[str, str] | tuple[tuple[str, str], ...] = ()
    name: str = field(init=False)
    provider: str = field(init=False, repr=False)

    # TensorRT, QNN and others compile for minutes
    opening_limit_s: ClassVar[float] = 1800.0

    def __post_init__(self) -> None:
        numbered = self.entry.devices == ("0",) and self.device.isdecimal() and self.device.isascii()
        if self.device not in self.entry.devices and not numbered:
            allowed = "a number" if self.entry.devices == ("0",) else " or ".join(map(repr, self.entry.devices))
            raise ProcessorError(f"{self.entry.word}: got device {self.device!r}, allowed is {allowed}")
        pairs = tuple(sorted(dict(self.options).items()))
        self.entry.settings(dict(pairs))
        texts = (self.entry.word, self.device, ",".join(f"{key}={value}" for key, value in pairs))
        object.__setattr__(self, "options", pairs)
        object.__setattr__(self, "name", ":".join(text for text in texts if text))
        object.__setattr__(self, "provider", self.entry.name)

    def __hash__(self) -> int:
        return hash(self.name)

    @property
    def settings(self) -> dict[str, str]:
        """What the provider is told, in its own words: its device, and the options."""
        device = {self.entry.option: self.device} if self.entry.option else {}
        return device | self.entry.settings(dict(self.options))

    def availability(self) -> Availability:
        """Say whether the provider is there, and whether a small graph runs on it with the CPU's answer."""
        found = smoke_test(self, "")
        if not found.available:
            return found
        return replace(found, reason=f"a small graph is {self.placement(smoke_graph(), smoke_feeds())}")

    def open(self, variant: bytes | str | os.PathLike[str]) -> OrtSession:
        """Load a variant (its path, or the bytes of its ONNX file); `placement` of the session says what runs there.

        Raises:
            ModelError: not a model, a truncated one, or an operator that the runtime lacks.
            ProcessorError: no such provider or device here, or it leaves too much of the graph to others.
        """
        with captured_log() as log:
            try:
                try:
                    session = self._session(variant, whole=True)
                except ProcessorError as error:
                    if FELL_BACK not in str(error):
                        raise
                    if not self._may_be_partial():
                        raise ProcessorError(_NOT_WHOLE) from error
                    session = self._session(variant, whole=False)
            except ProcessorError as error:
                raise ProcessorError(f"{self.name}: {error}{_details(log)}") from error
        return self._checked(session, variant, log)

    def placement(
        self, variant: bytes | str | os.PathLike[str], feeds: Mapping[str, np.ndarray], runs: int = 3
    ) -> Placement:
        """Measure which share of a variant's operators, and of its time, is placed on this processor.

        Args:
            variant: its path, or the bytes of its ONNX file.
            feeds: one input.
            runs: how often it runs; twice more before, to warm up.

        Raises:
            ModelError, ProcessorError: see `open`.
            InputError: feeds that do not fit.
        """
        with self.open(variant) as session:
            placement = session.placement
        if placement is None:  # an older ONNX Runtime, where only whole graphs are placed
            return Placement(1.0, time_share=1.0)
        if placement.whole:
            return replace(placement, time_share=1.0)
        with tempfile.TemporaryDirectory() as folder, captured_log():
            with self._session(variant, whole=False, profile=str(Path(folder) / "profile")) as session:
                for _ in range(_WARM_UP_RUNS + runs):
                    session.run(feeds)
                profile = session.end_profiling()
            return replace(placement, time_share=time_share(profile, self.provider, runs))

    def _may_be_partial(self) -> bool:
        strict = STRICT in dict(self.options) or self.device in self.entry.whole_only
        return not strict and hasattr(onnxruntime.InferenceSession, "get_provider_graph_assignment_info")

    def _session(
        self, variant: bytes | str | os.PathLike[str], *, whole: bool, profile: str | None = None
    ) -> OrtSession:
        options = session_options()
        options.add_session_config_entry("session.disable_cpu_ep_fallback", str(int(whole)))
        options.add_session_config_entry(_RECORD, "1")
        if profile is not None:
            options.enable_profiling, options.profile_file_prefix = True, profile
        if self.provider in onnxruntime.get_available_providers():
            return OrtSession(variant, options, [(self.provider, self.settings)])
        try:
            settings = self.entry.settings(dict(self.options))
            options.add_provider_for_devices([plugin_device(self.entry, self.device)], settings)
        except RuntimeError as error:
            raise ProcessorError(str(error)) from error
        return OrtSession(variant, options, ())

    def _checked(self, session: OrtSession, variant: bytes | str | os.PathLike[str], log: list[str]) -> OrtSession:
        problem = ""
        assigned = session.assigned()
        if session.provider != self.provider:
            problem = f"no such device here, or it refuses an option: the session fell back to {session.provider}"
        elif assigned is not None:
            placement = place(assigned, self.provider)
            session.placement = placement if placement.whole else place(assigned, self.provider, _operators(variant))
            if not session.placement.node_share:
                problem = "it did not start, or runs no operator of the model"
            elif session.placement.node_share < _LEAST_NODE_SHARE:
                problem = f"too little of the model would run there: {session.placement}"
        if problem:
            session.close()
            raise ProcessorError(f"{self.name}: {problem}{_details(log)}")
        return session


def _operators(variant: bytes | str | os.PathLike[str]) -> int:
    """Return how many operators a graph has when providers are asked; 0 where the CPU cannot run every one."""
    options = session_options()
    options.add_session_config_entry(_RECORD, "1")
    # only what comes before the providers are asked
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    try:
        with OrtSession(variant, options) as session:
            return sum(map(len, (session.assigned() or {}).values()))
    except CompselError:
        return 0


def _details(log: list[str]) -> str:
    return f" ({log[-1]})" if log else ""


def is_offered(entry: Provider) -> bool:
    """Return whether the installed ONNX Runtime, or a plug-in package, has the provider."""
    return entry.name in onnxruntime.get_available_providers() or entry.name in plugin_providers()


class ProviderFamily(ProcessorFamily):
    """The devices of every provider in `PROVIDERS`.

    >>> ProviderFamily().parse("openvino:GPU:precision=f16").device
    'GPU'
    """

    forms = tuple(
        "|".join(f"{entry.word}:{device}" if device else entry.word for device in entry.devices).replace(":0", ":N")
        for entry in PROVIDERS
    )

    def parse(self, name: str) -> ProviderProcessor | None:
        """Return the processor called `name`; None where its word is not that of a provider.

        Raises:
            ProcessorError: a device or an option that the provider has not.
        """
        word, _, rest = name.partition(":")
        entry = next((entry for entry in PROVIDERS if entry.word == word), None)
        if entry is None:
            return None
        device, _, text = rest.partition(":")
        if "=" in device:  # the device was left out
            device, text = "", rest
        options = {}
        for part in text.split(",") if text or rest.endswith(":") else ():
            key, equals, value = part.partition("=")
            if not equals or key in options:
                raise ProcessorError(f"processor {name!r}: got option {part!r}, allowed is key=value, each key once")
            options[key] = value
        return ProviderProcessor(entry, device or entry.devices[0], options)

    def discover(self) -> Iterator[tuple[Processor, Availability]]:
        """Run a small graph on each device of each provider that is offered."""
        for entry in filter(is_offered, PROVIDERS):
            numbered = entry.devices == ("0",)
            for device in map(str, range(_MOST_DEVICES)) if numbered else entry.devices:
                processor = ProviderProcessor(entry, device)
                found = processor.availability()
                if found.available or not numbered or device == "0":
                    yield processor, found
                if numbered and not found.available:
                    break
