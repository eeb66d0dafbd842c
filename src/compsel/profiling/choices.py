"""Choices to be measured: every one of some variants on every one of some processors."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from compsel.errors import ProfileError
from compsel.processors.base import Processor
from compsel.storage.parquet import read_table
from compsel.variants.variant import Variant

__all__ = ["Choices"]


@dataclass(frozen=True)
class Choices:
    """Variants on processors.

    Attributes:
        variants: what to run.
        processors: where to run each of them.
        files: folder of the variants' files.

    >>> len(Choices((), (), Path("profile/variants")))
    0
    """

    variants: Sequence[Variant]
    processors: Sequence[Processor]
    files: Path

    def __len__(self) -> int:
        return len(self.variants) * len(self.processors)

    def __iter__(self) -> Iterator[tuple[Variant, Processor]]:
        return ((variant, processor) for variant in self.variants for processor in self.processors)

    def are_in(self, path: Path, metadata: Mapping[str, str]) -> bool:
        """Whether a stored table has rows for all of these, of the same files, and this metadata."""
        if not path.exists():
            return False
        try:
            columns, found = read_table(path)
            measured = set(zip(columns["variant"], columns["sha256"], columns["processor"], strict=True))
        except (ProfileError, KeyError):
            return False
        wanted = {(variant.name, variant.sha256, processor.name) for variant, processor in self}
        return wanted <= measured and metadata.items() <= found.items()
