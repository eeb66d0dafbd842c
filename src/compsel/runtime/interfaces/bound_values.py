"""Inputs and outputs that an app binds to memory once, and runs many times (`onnxruntime.IOBinding`)."""

from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
from onnxruntime.capi import _pybind_state as ort_state

from compsel.errors import InputError
from compsel.models.ort_errors import both
from compsel.runtime.interfaces.ort_memory import NotOfBundlesError, fill, memory_at, on_cpu, owned

if TYPE_CHECKING:
    from compsel.runtime.interfaces.session_core import SessionCore

__all__ = ["BoundValues", "BundleBinding"]


class BundleBinding(onnxruntime.IOBinding):  # type: ignore[misc]  # it has no types
    """The `onnxruntime.IOBinding` of a session of a bundle: `session.io_binding()` makes it.

    Memory of other devices is copied: variants may run anywhere. A bare address is read on the CPU only.

    >>> BundleBinding.__bases__
    (<class 'onnxruntime.capi.onnxruntime_inference_collection.IOBinding'>,)
    """

    def __init__(self, core: "SessionCore") -> None:
        # not that of the base, which binds to one session of ONNX Runtime
        self._session = core
        self._iobinding = BoundValues({one.name for one in (*core.inputs_meta, *core.overridable_initializers)})
        self._is_webgpu_session = self._is_webgpu_graph_capture_enabled = False
        self._numpy_obj_references: dict[str, Any] = {}
        self._bound_inputs: dict[str, Any] = {}
        self._bound_outputs: dict[str, Any] = {}
        self._pinned_graph_ids: set[int] = set()


class BoundValues:
    """What `onnxruntime.IOBinding` asks of the binding in its C library.

    Args:
        inputs: names of the inputs that there are.

    Attributes:
        feeds: bound inputs, by name.
        outputs: names of the bound outputs, in the order of binding.

    >>> bound = BoundValues({"x"})
    >>> bound.bind_input("x", np.float32([1]))
    >>> bound.feeds
    {'x': array([1.], dtype=float32)}
    """

    def __init__(self, inputs: set[str]) -> None:
        self._names = inputs
        self.feeds: dict[str, Any] = {}
        # by name: the value or the array that is filled, or the device that a new one is made on
        self._targets: dict[str, Any] = {}
        self._results: list[Any] = []
        self._values: Any = None

    @property
    def outputs(self) -> list[str]:
        """Names of the bound outputs."""
        return list(self._targets)

    def bind_input(self, name: str, where: Any, *memory: Any) -> None:
        """Bind an input to an array, or to a device, an element type, a shape and an address."""
        if name not in self._names:
            raise both(InputError, RuntimeError)(f"input {name!r}: there is none, allowed are {sorted(self._names)}")
        self.feeds[name] = _memory(name, where, memory) if memory else where

    def bind_ortvalue_input(self, name: str, value: Any) -> None:
        """Bind an input to a value of ONNX Runtime's."""
        self.feeds[name] = onnxruntime.OrtValue(value)

    def bind_output(self, name: str, device: Any, *memory: Any) -> None:
        """Bind an output to a device, or to memory there: an element type, a shape and an address."""
        self._targets[name] = _memory(name, device, memory) if memory else device

    def bind_ortvalue_output(self, name: str, value: Any) -> None:
        """Bind an output to a value of ONNX Runtime's, which is filled."""
        self._targets[name] = value

    def synchronize_inputs(self) -> None:
        """Return: copies are complete."""

    def synchronize_outputs(self) -> None:
        """Return: copies are complete."""

    def clear_binding_inputs(self) -> None:
        """Forget the inputs."""
        self.feeds.clear()

    def clear_binding_outputs(self) -> None:
        """Forget the outputs."""
        self._targets.clear()
        self._results, self._values = [], None

    def take(self, outputs: list[Any]) -> None:
        """Put what a run gave where the outputs are bound to.

        Raises:
            InputError: memory of another type or shape.
        """
        results = []
        for (name, target), output in zip(self._targets.items(), outputs, strict=True):
            if isinstance(target, ort_state.OrtValue):
                fill(target, output, name)
            elif isinstance(target, onnxruntime.OrtValue):
                fill(target._ortvalue, output, name)
            elif isinstance(target, np.ndarray):
                if not isinstance(output, np.ndarray) or (output.dtype, output.shape) != (target.dtype, target.shape):
                    got = f"{output.dtype} {output.shape}" if isinstance(output, np.ndarray) else type(output).__name__
                    raise InputError(f"output {name!r}: is {got}, its memory is for {target.dtype} {target.shape}")
                target[...] = output
            results.append(output)
        self._results, self._values = results, None

    def get_outputs(self) -> Any:
        """Return the outputs of the last run, as ONNX Runtime's vector of values."""
        if self._values is None:
            self._values = ort_state.OrtValueVector()
            for target, output in zip(self._targets.values(), self._results, strict=False):
                filled = isinstance(target, ort_state.OrtValue)
                device = target if isinstance(target, ort_state.OrtDevice) else None
                self._values.push_back(target if filled else owned(output, device))
        return self._values

    def copy_outputs_to_cpu(self) -> list[Any]:
        """Return the outputs of the last run."""
        return list(self._results)


def _memory(name: str, device: Any, memory: tuple[Any, ...]) -> Any:
    element_type, shape, address = memory
    if not on_cpu(device):
        raise NotOfBundlesError(
            f"{name!r}: got an address on another device: a bundle runs on several: bind an OrtValue, which is copied"
        )
    return memory_at(address, shape, element_type)
