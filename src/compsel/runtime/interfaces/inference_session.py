"""`compsel.InferenceSession`: the class of ONNX Runtime, which also takes bundles."""

import os
from collections.abc import Sequence
from inspect import signature
from pathlib import Path
from typing import Any

import onnxruntime
from onnxruntime.capi.onnxruntime_inference_collection import Session

from compsel.bundle.bundle import Bundle
from compsel.errors import InputError, UsageError
from compsel.runtime.interfaces.bound_values import BundleBinding
from compsel.runtime.interfaces.session_core import SessionCore
from compsel.runtime.interfaces.session_restrictions import restricted
from compsel.runtime.loading import load
from compsel.runtime.runtime import Runtime

__all__ = ["InferenceSession"]

_CPU = ["CPUExecutionProvider"]
_OF_LOAD = frozenset(signature(load).parameters) - {"bundle"}


class InferenceSession(onnxruntime.InferenceSession):  # type: ignore[misc]  # it has no types
    """`onnxruntime.InferenceSession` for bundles: an app changes one import.

    A folder is a bundle, and every call is dispatched. A model (a path of `.onnx` or `.ort`, or bytes) is run by ONNX
    Runtime itself, as it is.

    Of a bundle, `providers`, `provider_options` and `sess_options` (threads, spinning, determinism) restrict which of
    its processors run; profiling and an optimised model to be written are refused. Options that only tune a session
    (graph optimisation, memory, log) are left to the bundle, which was measured with its own. What `SessionOptions`
    does not show (initializers, free dimensions, libraries of operators) does not reach it: put it into the model.

    Args:
        path_or_bytes: folder of a bundle, or a model.
        sess_options, providers, provider_options: as `onnxruntime.InferenceSession` takes them.
        kwargs: its further ones; of a bundle also those of `compsel.load`.

    Raises:
        BundleError: a bundle that cannot be used, or not as asked.
        UsageError: arguments that are none.

    >>> from compsel.processors.graph_bytes import graph_bytes, node, value
    >>> model = graph_bytes([node("Relu", ["x"], "y")], [], [value("x", (2,))], [value("y", (2,))])
    >>> session = InferenceSession(model, providers=["CPUExecutionProvider"])
    >>> session.get_inputs()[0].name, isinstance(session, onnxruntime.InferenceSession), session.runtime
    ('x', True, None)
    """

    def __init__(
        self,
        path_or_bytes: str | bytes | os.PathLike[str],
        sess_options: onnxruntime.SessionOptions | None = None,
        providers: Sequence[str | tuple[str, dict[Any, Any]]] | None = None,
        provider_options: Sequence[dict[Any, Any]] | None = None,
        **kwargs: Any,
    ) -> None:
        self._core: SessionCore | None = None
        self._loading = {key: value for key, value in kwargs.items() if key in _OF_LOAD}
        if not _is_folder(path_or_bytes):
            if self._loading:
                raise UsageError(f"{sorted(self._loading)}: got a model, allowed is a bundle: leave them out")
            super().__init__(path_or_bytes, sess_options, providers, provider_options, **kwargs)
            return
        strict = int(kwargs.get("enable_fallback", 1)) != 1
        Session.__init__(self, enable_fallback=not strict)
        self._model_path, self._model_bytes = os.fsdecode(path_or_bytes), None
        self._sess_options_initial, self._read_config_from_model = sess_options, False
        self._fallback_providers = _CPU
        self._use(providers, provider_options, strict)

    @property
    def runtime(self) -> Runtime | None:
        """What dispatches the calls, for deadlines and answers with their reasons; None for a model."""
        return None if self._core is None else self._core.runtime

    def set_providers(self, providers: Any = None, provider_options: Any = None) -> None:
        """Restrict a bundle to the processors of these providers; else as `onnxruntime.InferenceSession` does.

        Raises:
            BundleError: nothing is left; the session stays as it is.
        """
        if self._core is None:
            super().set_providers(providers, provider_options)
        else:
            self._use(providers, provider_options, strict=True)

    def get_modelmeta(self) -> Any:
        """Return the metadata of the model's own file."""
        return super().get_modelmeta() if self._core is None else self._core.model_meta

    def io_binding(self) -> onnxruntime.IOBinding:
        """Return a new binding of inputs and outputs."""
        return super().io_binding() if self._core is None else BundleBinding(self._core)

    def _use(self, providers: Any, provider_options: Any, strict: bool) -> None:
        options, loading = self._sess_options_initial, dict(self._loading)
        opened = Bundle.load(self._model_path, only_signed_by=loading.pop("only_signed_by", None))
        bundle = restricted(opened, providers, provider_options, options, strict=strict)
        self._core = core = SessionCore(load(bundle, **loading), options or onnxruntime.SessionOptions())
        # what the methods of the base class read
        self._sess, self._sess_options = core, core.session_options
        self._inputs_meta, self._outputs_meta = core.inputs_meta, core.outputs_meta
        self._overridable_initializers = core.overridable_initializers
        self._input_meminfos, self._output_meminfos = core.input_meminfos, core.output_meminfos
        self._input_epdevices = core.input_epdevices
        self._providers, self._provider_options = core.get_providers(), core.get_provider_options()
        self._profiling_start_time_ns = core.get_profiling_start_time_ns

    def _validate_input(self, feed_input_names: Sequence[str]) -> None:
        try:
            super()._validate_input(feed_input_names)
        except ValueError as error:
            if self._core is None:
                raise
            raise InputError(str(error)) from None


def _is_folder(path_or_bytes: Any) -> bool:
    return isinstance(path_or_bytes, (str, os.PathLike)) and Path(path_or_bytes).is_dir()
