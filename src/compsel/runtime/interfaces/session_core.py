"""What `onnxruntime.InferenceSession` asks of the session in its C library, answered by the runtime of a bundle."""

import contextlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import onnxruntime
from onnxruntime.capi import _pybind_state as ort_state

from compsel.errors import CompselError, InputError
from compsel.models.ort_errors import both, translate
from compsel.models.signature import ModelMetadata, NodeArg
from compsel.processors import OrtSession, parse
from compsel.runtime.interfaces.bound_values import BoundValues
from compsel.runtime.interfaces.ort_memory import NotOfBundlesError, cpu_device, fill, owned
from compsel.runtime.runtime import Runtime

__all__ = ["SessionCore"]

_CPU = "CPUExecutionProvider"
# types whose values can be made of arrays
_NUMBERS = re.compile(r"tensor\((float|double|float16|bool|u?int(8|16|32|64))\)")


class SessionCore:
    """Runs a bundle for `compsel.InferenceSession`, whose base class checks arguments and wraps values.

    Args:
        runtime: of the bundle.
        sess_options: of the app.

    Attributes:
        runtime: of the bundle.
        session_options: of the app.
        inputs_meta, outputs_meta, overridable_initializers: those of the model's own file.
        get_profiling_start_time_ns: 0: nothing is profiled.

    >>> SessionCore.is_webgpu_graph_capture_enabled()
    False
    """

    def __init__(self, runtime: Runtime, sess_options: Any) -> None:
        self.runtime, self.session_options = runtime, sess_options
        signature = runtime.signature
        self.inputs_meta: list[NodeArg] = list(signature.inputs)
        self.outputs_meta: list[NodeArg] = list(signature.outputs)
        self.overridable_initializers: list[NodeArg] = list(signature.overridable)
        self._types = {one.name: one.type for one in self.outputs_meta}
        self._metadata: Any = signature.metadata
        self.get_profiling_start_time_ns = 0
        self._threads: tuple[int, ThreadPoolExecutor] | None = None

    @property
    def model_meta(self) -> Any:
        """The metadata of the model's own file; of a bundle built before that was kept: of the graph that runs."""
        if self._metadata is None:
            session = self.runtime.engine().session
            self._metadata = session.bare.get_modelmeta() if isinstance(session, OrtSession) else ModelMetadata()
        return self._metadata

    @property
    def input_meminfos(self) -> list[Any]:
        """Where inputs are read: the memory of the CPU."""
        return [_memory_info() for _ in self.inputs_meta]

    @property
    def output_meminfos(self) -> list[Any]:
        """Where outputs are: in the memory of the CPU."""
        return [_memory_info() for _ in self.outputs_meta]

    @property
    def input_epdevices(self) -> list[Any]:
        """The device that inputs are read on."""
        devices = [device for device in onnxruntime.get_ep_devices() if device.ep_name == _CPU]
        return [devices[0] if devices else None for _ in self.inputs_meta]

    def get_providers(self) -> list[str]:
        """Return the execution providers that the bundle's choices run on, that of the CPU last."""
        return sorted(self.get_provider_options(), key=lambda name: name == _CPU)

    def get_provider_options(self) -> dict[str, dict[str, str]]:
        """Return the settings of each of these providers."""
        found: dict[str, dict[str, str]] = {}
        for processor in map(parse, dict.fromkeys(word for _, word in self.runtime.costs.choices)):
            found.setdefault(processor.provider, dict(getattr(processor, "settings", {})))
        return found

    def run(self, output_names: Sequence[str], input_feed: Mapping[str, Any], run_options: Any = None) -> list[Any]:
        """Run one call; see `Runtime.run`."""
        return self.runtime.run(output_names, input_feed, run_options)

    def run_async(
        self,
        output_names: Sequence[str],
        input_feed: Mapping[str, Any],
        callback: Callable[[list[Any], Any, str], object],
        user_data: Any,
        run_options: Any = None,
    ) -> None:
        """Run one call in another thread, which calls back with the outputs, or with the text of an error."""

        def answer() -> None:
            try:
                outputs, error = self.run(output_names, input_feed, run_options), ""
            except Exception as failure:  # the callback is told, whatever it is
                outputs, error = [], str(failure) or type(failure).__name__
            with contextlib.suppress(Exception):  # as ONNX Runtime, which has nobody to tell
                callback(outputs, user_data, error)

        if self._threads is None or self._threads[0] != os.getpid():  # no thread survives a fork
            self._threads = os.getpid(), ThreadPoolExecutor(thread_name_prefix="compsel-async")
        self._threads[1].submit(answer)

    def run_with_ort_values(self, feeds: Mapping[str, Any], output_names: Sequence[str], run_options: Any) -> Any:
        """Run one call on values of ONNX Runtime's, and return its vector of values."""
        values = ort_state.OrtValueVector()
        given = {name: onnxruntime.OrtValue(value) for name, value in feeds.items()}
        if all(_NUMBERS.fullmatch(self._types.get(name, "tensor(float)")) for name in output_names):
            for output in self.run(output_names, given, run_options):
                values.push_back(owned(output))
        else:
            for value in self._by_most_accurate(given, output_names, run_options):
                values.push_back(value._ortvalue)
        return values

    def _by_most_accurate(self, feeds: Mapping[str, Any], names: Sequence[str], run_options: Any) -> list[Any]:
        """Run texts, sequences and maps on one session: values of these can only be made by ONNX Runtime itself."""
        session = self.runtime.engine().session
        made = [name for name in names if name not in {spec.name for spec in session.outputs}]
        if made or not isinstance(session, OrtSession):
            raise NotOfBundlesError(
                f"outputs {made or list(names)}: no OrtValue can be made of them: take them from run"
            )
        try:
            outputs: list[Any] = session.bare.run_with_ort_values(list(names), feeds, run_options)
        except Exception as error:
            raise translate(error, "run_with_ort_values", loading=False) from error
        return outputs

    # many parameters: those of ONNX Runtime
    def run_with_ortvaluevector(
        self,
        run_options: Any,
        feed_names: Sequence[str],
        feeds: Any,
        fetch_names: Sequence[str],
        fetches: Any,
        fetch_devices: Sequence[Any],
    ) -> None:
        """Run one call; what it gives is written into the values that are there already, or appended."""
        results = self.run_with_ort_values(dict(zip(feed_names, feeds, strict=True)), fetch_names, run_options)
        for place, (name, value) in enumerate(zip(fetch_names, results, strict=True)):
            if place < len(fetches):
                fill(fetches[place], value.numpy(), name)
            else:
                device = fetch_devices[place] if fetch_devices else cpu_device()
                fetches.push_back(value if device.device_type() == 0 else owned(value.numpy(), device))

    def run_with_iobinding(self, bound: BoundValues, run_options: Any = None) -> None:
        """Run what is bound, and put the outputs where they are bound to.

        Raises:
            InputError: also a RuntimeError, as of ONNX Runtime.
        """
        try:
            if not bound.outputs:
                raise InputError("no output is bound: at least one output should be requested: bind_output")
            bound.take(self.run(bound.outputs, bound.feeds, run_options))
        except CompselError as error:
            raise both(type(error), RuntimeError)(f"Error in execution: {error}") from error

    def create_ortvalue_from_shape_and_type(self, shape: Sequence[int], element_type: Any, device: Any) -> Any:
        """Return a value without content."""
        return ort_state.OrtValue.ortvalue_from_shape_and_type(shape, element_type, device)

    def create_ortvalue_from_shape_and_onnx_type(self, shape: Sequence[int], element_type: int, device: Any) -> Any:
        """Return a value without content, of an element type by its number in onnx.proto."""
        return ort_state.OrtValue.ortvalue_from_shape_and_onnx_type(shape, element_type, device)

    @staticmethod
    def is_webgpu_graph_capture_enabled() -> bool:
        """Return False: a choice that captures graphs does so on its own."""
        return False

    @staticmethod
    def webgpu_context_id() -> int:
        """Return that of no context: memory of one is shared with no bundle."""
        return -1

    def release_captured_graph(self, number: int = 0) -> None:
        """Return: there is none."""

    def end_profiling(self) -> str:
        """Return no file: `compsel.InferenceSession` refuses options that ask for a profile."""
        return ""

    def get_tuning_results(self) -> list[Any]:
        """Return none: choices tune themselves."""
        return []

    def set_tuning_results(self, results: Sequence[Any], error_on_invalid: bool = False) -> None:
        """Refuse what another session was tuned to."""
        if results:
            raise NotOfBundlesError(
                "tuning results: are those of one session: build the bundle on the device it runs on"
            )

    def set_ep_dynamic_options(self, options: Mapping[str, str]) -> None:
        """Refuse options for one provider while it runs."""
        raise NotOfBundlesError(
            f"options: got {dict(options)}: the choices of a bundle have theirs from the build: see --processors"
        )

    def get_provider_graph_assignment_info(self) -> list[Any]:
        """Refuse to say which provider runs which node: every choice has its own placement."""
        raise NotOfBundlesError("graph assignment: every choice of a bundle has its own: see compsel devices --model")


def _memory_info() -> Any:
    kind = ort_state.OrtAllocatorType.ORT_DEVICE_ALLOCATOR
    return ort_state.OrtMemoryInfo("Cpu", kind, 0, ort_state.OrtMemType.DEFAULT)
