"""A benchmark of models as they are, that people can quote."""

from compsel.evaluation.perf.perf import perf
from compsel.evaluation.perf.result import PerfResult, PerfRow

__all__ = ["PerfResult", "PerfRow", "perf"]
