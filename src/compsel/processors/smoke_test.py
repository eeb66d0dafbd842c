"""A smoke test of processors: a small graph, run on the processor and on the CPU.

A provider that ONNX Runtime lists may lack a driver, a device or a library, and may hand the graph to the CPU without a
word. So each is asked to run a convolution, an activation and a mean, and its answer is compared.
"""

import functools

import numpy as np

from compsel.errors import CompselError
from compsel.processors.base import Availability, Processor
from compsel.processors.graph_bytes import graph_bytes, node, tensor, value
from compsel.processors.ort_session import OrtSession
from compsel.processors.plugins import provider_version

__all__ = ["smoke_feeds", "smoke_graph", "smoke_test"]

# accelerators may compute in half precision
_TOLERANCE = 0.02
_SHAPE = (1, 3, 8, 8)


def smoke_test(processor: Processor, found: str) -> Availability:
    """Say whether `processor` runs the small graph with the CPU's answer.

    Args:
        processor: what to try.
        found: the reason to give when it does.
    """
    try:
        session = processor.open(smoke_graph())
        try:
            (answer,) = session.run(smoke_feeds())
        finally:
            session.close()
    except CompselError as error:
        reason = str(error).removeprefix(f"{processor.name}: ").removeprefix("model: ")
        return Availability(False, reason, provider_version(processor.provider))
    expected, version = _expected(), provider_version(processor.provider)
    if answer.shape != expected.shape or not np.allclose(answer, expected, rtol=_TOLERANCE, atol=_TOLERANCE):
        return Availability(False, "its answer to a small graph is not the CPU's: look for a newer driver", version)
    return Availability(True, found, version)


@functools.cache
def _expected() -> np.ndarray:
    with OrtSession(smoke_graph()) as session:
        return session.run(smoke_feeds())[0]


def smoke_feeds() -> dict[str, np.ndarray]:
    """Return the input of the small graph: float32 (1, 3, 8, 8), between -1 and 1."""
    return {"x": np.sin(np.arange(np.prod(_SHAPE), dtype=np.float32)).reshape(_SHAPE)}


@functools.cache
def smoke_graph() -> bytes:
    """Return the ONNX file of the small graph: y (1, 4, 1, 1) = mean(relu(conv3x3(x))).

    >>> [spec.shape for spec in OrtSession(smoke_graph()).outputs]
    [(1, 4, 1, 1)]
    """
    weight = np.cos(np.arange(4 * 3 * 3 * 3, dtype=np.float32)).reshape(4, 3, 3, 3)
    return graph_bytes(
        [node("Conv", ["x", "w"], "a"), node("Relu", ["a"], "b"), node("GlobalAveragePool", ["b"], "y")],
        [tensor("w", weight)],
        [value("x", _SHAPE)],
        [value("y", (1, 4, 1, 1))],
    )
