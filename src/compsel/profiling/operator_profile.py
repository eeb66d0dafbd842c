"""Operator profile: which operators ONNX Runtime really runs for a graph, and how the time is shared among them.

The graph that runs is not the graph in the file: operators are fused, casts and changes of layout inserted. ONNX
Runtime's own profiler reports what runs, and for how long.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from compsel.errors import ModelError
from compsel.models.complexity import macs
from compsel.models.model import Model
from compsel.models.ort_errors import translate
from compsel.models.ort_options import session_options
from compsel.models.ort_paths import ort_path
from compsel.variants.variant import Variant

__all__ = ["OperatorProfile", "OperatorUse", "measure_operators", "profile_variant"]

_RUNS = 3
_SUFFIX = "_kernel_time"


@dataclass(frozen=True, slots=True)
class OperatorUse:
    """One type of operator in the graph that runs.

    Attributes:
        count: nodes of this type.
        time_ms: of all of them together, in one inference.

    >>> OperatorUse(count=27, time_ms=3.4).count
    27
    """

    count: int
    time_ms: float


@dataclass(frozen=True)
class OperatorProfile:
    """The operators of one inference on a CPU.

    Attributes:
        operators: by type.
        macs: multiply-accumulates None where they are not known.

    >>> OperatorProfile({"Conv": OperatorUse(27, 3.0), "Clip": OperatorUse(27, 1.0)}).share("Clip")
    0.25
    """

    operators: Mapping[str, OperatorUse]
    macs: int | None = None

    def count(self, *kinds: str) -> int:
        """Return how many nodes of these types ran."""
        return sum(use.count for kind, use in self.operators.items() if kind in kinds)

    def share(self, *kinds: str) -> float:
        """Return their share of the time, 0 to 1."""
        total = sum(use.time_ms for use in self.operators.values())
        return sum(use.time_ms for kind, use in self.operators.items() if kind in kinds) / total if total else 0.0


def measure_operators(path: str | os.PathLike[str], feeds: Mapping[str, np.ndarray]) -> dict[str, OperatorUse]:
    """Run a graph on one thread of the CPU under the runtime's profiler.

    Args:
        path: of the ONNX file.
        feeds: what it is fed.

    Returns:
        by type of operator, what ran; the first run, which warms up, is not counted.

    Raises:
        ModelError: it does not load or run.
    """
    with tempfile.TemporaryDirectory(prefix="compsel-") as folder:
        options = session_options()
        options.enable_profiling = True
        options.profile_file_prefix = os.path.join(folder, "trace")  # noqa: PTH118 - the runtime takes texts
        try:
            session = onnxruntime.InferenceSession(ort_path(path), options, providers=["CPUExecutionProvider"])
            for _ in range(_RUNS):
                session.run(None, dict(feeds))
            trace = Path(session.end_profiling())
        except Exception as error:  # ONNX Runtime's exceptions have no common base
            raise ModelError(str(translate(error, f"{path}: does not run", loading=True))) from error
        events = json.loads(trace.read_text(encoding="utf-8"))
    return _summary(events)


def profile_variant(variant: Variant, files: Path, feeds: Mapping[str, np.ndarray]) -> OperatorProfile:
    """Profile the graph of a variant that an app runs.

    Args:
        variant: what to run.
        files: folder of its files.
        feeds: what its graph is fed, see `compsel.profiling.graph_feeds`.

    Raises:
        ModelError: it does not load or run.
        OSError: its files are not there.
    """
    structure = Model.from_proto(onnx.load(files / variant.tensor_file, load_external_data=False), variant.model)
    return OperatorProfile(measure_operators(files / variant.graph_file, feeds), macs(structure) or None)


def _summary(events: list[dict[str, object]]) -> dict[str, OperatorUse]:
    """Join the events of each node, then the nodes of each type; of several runs of a node the fastest counts."""
    times: dict[tuple[str, str], list[float]] = {}
    for event in events:
        name, details = str(event.get("name", "")), event.get("args")
        if event.get("cat") == "Node" and name.endswith(_SUFFIX) and isinstance(details, dict):
            key = (str(details.get("op_name", "")), f"{name}:{details.get('node_index', '')}")
            times.setdefault(key, []).append(float(str(event["dur"])) / 1000)
    uses: dict[str, OperatorUse] = {}
    for (kind, _), measured in times.items():
        before = uses.get(kind, OperatorUse(0, 0.0))
        uses[kind] = OperatorUse(before.count + 1, before.time_ms + min(measured))
    return uses
