"""What fits a limit of memory: whether a table is trained on as a whole, and else how many samples of it."""

from dataclasses import dataclass

from compsel.errors import UsageError
from compsel.profiling.stream import ProfileStream

__all__ = ["DEFAULT_LIMIT_MB", "MemoryLimit", "SampleSizes"]

DEFAULT_LIMIT_MB = 2000.0
_LEAST_MB = 500.0
# measured with `benchmarks/large_tables.py`: what is in memory before a row is read
_BASE_MB = 420.0
# bytes a sample and variant, a sample and number of its evidence, a sample and feature: of a table read as a whole
_WHOLE_VARIANT, _WHOLE_EVIDENCE, _WHOLE_FEATURE = 100, 16, 40
_WHOLE_CASCADE = 6_000  # of a sample, where cascades are trained
_LEAST_DRAWN, _MOST_TRAINING, _MOST_JUDGING = 2_000, 20_000, 50_000
_CASCADE_BYTES = 20_000  # of a sample that trains a cascade
_JUDGED_VARIANT, _JUDGED_SAMPLE = 60, 3_000  # of a sample that judges: each variant, and all else
_BIN_BYTES, _OUTPUT_BYTES, _ROW_BYTES = 2, 16, 48  # of a sample that trains trees: each feature, output, and all else


@dataclass(frozen=True)
class SampleSizes:
    """How many samples are drawn where a table does not fit.

    Attributes:
        training: that the cascade is trained on.
        judging: that what ships is judged on, and as many to tune a selector.
        boosted: that a selector over features is trained on, at most.

    >>> MemoryLimit(2000.0).sizes(n_variants=9, n_evidence=9, n_features=20, n_outputs=5).judging
    50000
    """

    training: int
    judging: int
    boosted: int


@dataclass(frozen=True)
class MemoryLimit:
    """How much memory training may take.

    Attributes:
        mb: millions of bytes, of the whole process.

    >>> MemoryLimit(100.0)
    Traceback (most recent call last):
    compsel.errors.UsageError: memory_limit_mb: got 100.0, allowed are 500 or more: ...
    """

    mb: float = DEFAULT_LIMIT_MB

    def __post_init__(self) -> None:
        if not self.mb >= _LEAST_MB:
            raise UsageError(
                f"memory_limit_mb: got {self.mb}, allowed are {_LEAST_MB:g} or more: so much is in use before a sample "
                "is read, and for the least that policies are trained on"
            )

    def fits(self, stream: ProfileStream) -> bool:
        """Whether a table can be trained on as a whole."""
        numbers = stream.n_evidence * len(stream.profile.variants)
        a_sample = (
            _WHOLE_VARIANT * len(stream.profile.variants)
            + _WHOLE_EVIDENCE * numbers
            + _WHOLE_FEATURE * len(stream.feature_names)
            + (_WHOLE_CASCADE if stream.has_evidence else 0)
        )
        return _BASE_MB + a_sample * stream.n_samples / 1e6 <= self.mb

    def sizes(self, n_variants: int, n_evidence: int, n_features: int, n_outputs: int) -> SampleSizes:
        """Return how many samples are drawn.

        Args:
            n_variants: of the table.
            n_evidence: of them, those that the cascade may run.
            n_features: that a selector decides by.
            n_outputs: variants that it may choose.
        """
        left = max(0.0, 1e6 * (self.mb - _BASE_MB))
        cascade = _CASCADE_BYTES if n_evidence else _JUDGED_SAMPLE
        judged = 2 * (_JUDGED_VARIANT * n_variants + _JUDGED_SAMPLE)
        training = min(_MOST_TRAINING, max(_LEAST_DRAWN, int(left / 3 / cascade)))
        judging = min(_MOST_JUDGING, max(_LEAST_DRAWN, int(left / 3 / judged)))
        a_row = _BIN_BYTES * n_features + _OUTPUT_BYTES * n_outputs + _ROW_BYTES
        return SampleSizes(training, judging, max(_LEAST_DRAWN, int((left - judging * judged / 2) / a_row)))
