"""How fast this machine multiplies matrices: whether int8 pays, and whether more threads do, measured in a second."""

from functools import cache

import numpy as np

from compsel.processors import CpuProcessor
from compsel.processors.graph_bytes import graph_bytes, node, tensor, value
from compsel.profiling.confidence_intervals import Estimate
from compsel.profiling.latency import Criterion
from compsel.profiling.paired_timer import measure_pair

__all__ = ["int8_speedup", "thread_speedup"]

# like a 1x1 convolution of an image network: (pixels, channels) x (channels, channels); 0.13 GFLOP
_ROWS, _DEPTH, _COLUMNS = 256, 512, 512
_CRITERION = Criterion(relative_half_width=0.02, min_runs=30, budget_s=0.7)


def int8_speedup() -> Estimate:
    """Measure how many times as fast as float32 a matrix product of int8 weights and uint8 inputs is, on one thread.

    >>> int8_speedup().value > 0
    True
    """
    cpu = CpuProcessor(1)
    quantised = np.random.default_rng(0).integers(0, 255, (_ROWS, _DEPTH)).astype(np.uint8)
    with cpu.open(_float_product()) as original, cpu.open(_int8_product()) as variant:
        pair = measure_pair(
            lambda _: original.run(_float_feeds()),
            lambda _: variant.run({"x": quantised}),
            [None],
            _CRITERION,
        )
    return _inverse(pair.ratio())


def thread_speedup(threads: int) -> Estimate:
    """Measure how many times as fast as one thread several are, on a matrix product of float32.

    >>> thread_speedup(1).value > 0
    True
    """
    with CpuProcessor(1).open(_float_product()) as one, CpuProcessor(threads).open(_float_product()) as several:
        pair = measure_pair(
            lambda _: one.run(_float_feeds()), lambda _: several.run(_float_feeds()), [None], _CRITERION
        )
    return _inverse(pair.ratio())


def _inverse(ratio: Estimate) -> Estimate:
    return Estimate(1 / ratio.value, 1 / ratio.high, 1 / ratio.low)


@cache
def _float_feeds() -> dict[str, np.ndarray]:
    return {"x": np.random.default_rng(0).standard_normal((_ROWS, _DEPTH)).astype(np.float32)}


@cache
def _float_product() -> bytes:
    weights = np.random.default_rng(1).standard_normal((_DEPTH, _COLUMNS)).astype(np.float32)
    return graph_bytes(
        [node("MatMul", ["x", "w"], "y")],
        [tensor("w", weights)],
        [value("x", (_ROWS, _DEPTH))],
        [value("y", (_ROWS, _COLUMNS))],
    )


def _int8_product() -> bytes:
    weights = np.random.default_rng(1).integers(-127, 128, (_DEPTH, _COLUMNS)).astype(np.int8)
    scalars = {"xs": 0.02, "ws": 0.01, "ys": 0.5}
    initializers = [tensor(name, np.array(scale, np.float32)) for name, scale in scalars.items()]
    initializers += [tensor(name, np.array(128, np.uint8)) for name in ("xz", "yz")]
    initializers += [tensor("wz", np.array(0, np.int8)), tensor("w", weights)]
    return graph_bytes(
        [node("QLinearMatMul", ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz"], "y")],
        initializers,
        [value("x", (_ROWS, _DEPTH), "uint8")],
        [value("y", (_ROWS, _COLUMNS), "uint8")],
    )
