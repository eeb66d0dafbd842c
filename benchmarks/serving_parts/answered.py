"""What answers an input now: graphs, processors and feeds, to be run in bare sessions."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from compsel.processors import CpuProcessor, parse
from compsel.runtime.runtime import Runtime

__all__ = ["BareStage", "answering_stages", "bare_session", "bare_stages", "feeds_of"]


@dataclass(frozen=True)
class BareStage:
    """A graph and how a bare session runs it.

    Attributes:
        variant: its name.
        graph: path of the ONNX file.
        threads, spinning: of the session.
    """

    variant: str
    graph: str
    threads: int
    spinning: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)


def bare_stages(runtime: Runtime, choices: Iterable[tuple[str, str]], tensors: bool) -> list[BareStage]:
    """Return choices (variant, processor) as bare sessions run them."""
    stages = []
    for variant, name in choices:
        processor = parse(name)
        assert isinstance(processor, CpuProcessor), "only processors of the CPU have a bare session here"
        graph = runtime.bundle.folder / "variants" / runtime.bundle.variants[variant].opened_file(tensors=tensors)
        stages.append(BareStage(variant, str(graph), processor.threads, processor.spinning))
    return stages


def answering_stages(runtime: Runtime, source: Any, tensors: bool = False) -> list[BareStage]:
    """Return the stages that answer an input now, in their order."""
    return bare_stages(runtime, [(one.variant, one.processor) for one in runtime(source).stages], tensors)


def feeds_of(runtime: Runtime, variant: str, source: Any) -> dict[str, np.ndarray]:
    """Return what a bare session of a variant is fed for an input of the bundle's modality."""
    described = runtime.bundle.variants[variant]
    feeds = runtime.modality.graph_feeds(described, runtime.modality.decode(source))
    return {name: np.ascontiguousarray(values) for name, values in feeds.items()}


def bare_session(stage: BareStage) -> onnxruntime.InferenceSession:
    """Open a session as somebody would who knows the best processor."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = stage.threads
    if not stage.spinning:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(Path(stage.graph), options, providers=["CPUExecutionProvider"])
