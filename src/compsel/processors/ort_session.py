"""ONNX Runtime behind one class: sessions whose errors are ours and that print nothing."""

import os
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime

from compsel.errors import CompselError, ProcessorError
from compsel.inputs.tensor_specs import TensorSpec
from compsel.models.extension_operators import with_extensions
from compsel.models.graph_file import GraphFile
from compsel.models.ort_errors import translate
from compsel.models.ort_options import FATAL, session_options
from compsel.models.ort_paths import ort_path
from compsel.processors.placement import Placement
from compsel.processors.run_options import FeedsWithOptions, TerminatedError

__all__ = ["OrtSession"]

_DTYPES = {"float": "float32", "double": "float64", "float16": "float16", "bfloat16": "bfloat16", "string": "string"}


class OrtSession:
    """A variant, loaded by ONNX Runtime on one execution provider.

    Attributes:
        inputs: what must be fed.
        outputs: what comes out.
        provider: the execution provider that it runs on.
        metadata: the model's own texts by key (its preprocessing is among them).
        placement: which part of the graph runs on the provider that was asked for; None where only one was.

    Raises:
        ModelError: not a model, a truncated one, or an operator that the runtime lacks.
        ProcessorError: the provider is not there, or does not take the whole graph.

    >>> OrtSession(b"no model")
    Traceback (most recent call last):
    compsel.errors.ModelError: model: Failed to load model because protobuf parsing failed.
    """

    def __init__(
        self,
        variant: bytes | str | os.PathLike[str],
        options: Any = None,
        providers: Sequence[str | tuple[str, Mapping[str, str]]] = ("CPUExecutionProvider",),
    ) -> None:
        self._name = "model" if isinstance(variant, bytes) else os.fspath(variant)
        names = [entry if isinstance(entry, str) else (entry[0], dict(entry[1])) for entry in providers]
        options = options or session_options()
        graph: Any = variant if isinstance(variant, bytes) else ort_path(variant)
        if isinstance(variant, GraphFile) and variant.content is not None:
            graph = variant.content
            if variant.external:
                files = variant.external
                sizes = [len(content) for content in files.values()]
                options.add_external_initializers_from_files_in_memory(list(files), list(files.values()), sizes)
        try:
            # without `enable_fallback=0` a provider that fails is replaced by the CPU, with a print
            session = with_extensions(
                lambda given: onnxruntime.InferenceSession(graph, given, providers=names, enable_fallback=0),
                options,
            )
            # of names and texts that are no UTF-8 Python hears only here
            self.inputs = tuple(map(_spec, session.get_inputs()))
            self.outputs = tuple(map(_spec, session.get_outputs()))
            self.metadata: dict[str, str] = dict(session.get_modelmeta().custom_metadata_map)
        except CompselError:
            raise
        except Exception as error:
            raise translate(error, self._name, loading=True) from error
        self.provider: str = session.get_providers()[0]
        self.placement: Placement | None = None
        self._session: Any = session
        # by the thread that runs: by these it is told to end
        self._running: dict[int, onnxruntime.RunOptions] = {}
        self._stopped: dict[int, onnxruntime.RunOptions] = {}
        self._idle: list[onnxruntime.RunOptions] = []

    def run(self, feeds: Mapping[str, np.ndarray], outputs: Sequence[str] | None = None) -> list[np.ndarray]:
        """Run one inference. Feeds are passed on unchecked (see `compsel.inputs.tensor_specs.check_feeds`).

        Feeds may come with options (`FeedsWithOptions`).

        Raises:
            TerminatedError: these ended it.
            InputError: a feed that the graph cannot take, or an output that it has not.
            ModelError: an operator failed on these values.
            ProcessorError: the device failed, is out of memory, or the session was closed.
        """
        given = feeds.run_options if type(feeds) is FeedsWithOptions else None
        options = given or (self._idle.pop() if self._idle else _run_options())
        thread = threading.get_ident()
        self._running[thread] = options
        try:
            result: list[np.ndarray] = self._session.run(outputs, feeds, options)
        except Exception as error:
            if self._session is None:
                raise ProcessorError(f"{self._name}: the session was closed: open it again") from None
            if options.terminate and not any(one is options for one in list(self._stopped.values())):
                raise TerminatedError(f"{self._name}: run_options.terminate is true: the call was ended") from None
            if options.terminate:
                raise ProcessorError(f"{self._name}: was stopped, since it did not end in time") from None
            raise translate(error, self._name, loading=False) from error
        finally:
            self._running.pop(thread, None)
            if self._stopped.pop(thread, None) is not None and given is not None:
                given.terminate = False  # of the app, which did not set it
        if given is None and not options.terminate:
            self._idle.append(options)
        return result

    def stop(self, thread: int) -> None:
        """Make the run of a thread (`threading.get_ident()`) end, with a ProcessorError, before its next operator."""
        options = self._running.get(thread)
        if options is not None:
            if not options.terminate:
                self._stopped[thread] = options
            options.terminate = True

    @property
    def bare(self) -> onnxruntime.InferenceSession:
        """ONNX Runtime's own session.

        Raises:
            ProcessorError: it was closed.
        """
        if self._session is None:
            raise ProcessorError(f"{self._name}: the session was closed: open it again")
        return self._session

    def assigned(self) -> dict[str, list[str]] | None:
        """Return the kinds of the graph's operators by the provider that each was assigned to.

        None where that was not recorded (`session.record_ep_graph_assignment_info`), or ONNX Runtime cannot tell.
        """
        try:
            parts = self._session.get_provider_graph_assignment_info()
        except Exception:
            return None
        assigned: dict[str, list[str]] = {}
        for part in parts:
            assigned.setdefault(part.ep_name, []).extend(node.op_type for node in part.get_nodes())
        return assigned

    def end_profiling(self) -> str:
        """Return the file of the profile that the session's options asked for, complete."""
        return str(self._session.end_profiling())

    def close(self) -> None:
        """Free threads and memory, once runs in other threads are over."""
        self._session = None

    def __enter__(self) -> "OrtSession":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _run_options() -> onnxruntime.RunOptions:
    options = onnxruntime.RunOptions()
    options.log_severity_level = FATAL
    return options


def _spec(argument: Any) -> TensorSpec:
    # "tensor(float)", "seq(map(int64,tensor(float)))", ...
    kind, _, dtype = argument.type.partition("(")
    dtype = dtype.removesuffix(")")
    if kind != "tensor" or not dtype.isidentifier():
        return TensorSpec(argument.name, "other", None)
    # ONNX Runtime shows an open rank and a scalar alike: as an empty list
    # some exporters write -1 where any length is allowed
    open_or_known = (axis if isinstance(axis, int) and axis >= 0 else None for axis in argument.shape)
    shape = tuple(open_or_known) if argument.shape else None
    return TensorSpec(argument.name, _DTYPES.get(dtype, dtype), shape)
