"""Clusters of cores that are not alike: big and little ones on phones, performance and efficiency cores on laptops.

A little core may be three times slower and ten times thriftier than a big one, and the scheduler does not know which a
caller would rather have. So each cluster is a processor, to which an inference's threads are pinned.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from compsel.device.pseudo_files import read_number
from compsel.errors import ProcessorError
from compsel.models.ort_options import session_options
from compsel.processors.base import Availability, Processor, ProcessorFamily
from compsel.processors.ort_session import OrtSession
from compsel.processors.smoke_test import smoke_test

__all__ = ["ClusterFamily", "ClusterProcessor", "PinnedSession", "core_clusters"]

# from the strongest down, by how many kinds of core there are
_WORDS = {2: ("big", "little"), 3: ("big", "mid", "little")}
_CLUSTERS = ("big", "mid", "little")
# cores whose capacities differ by less are of one kind: binning differs by a few percent
_ALIKE = 0.9
_HYBRID = {"big": "devices/cpu_core/cpus", "little": "devices/cpu_atom/cpus"}


def core_clusters(sys: str | os.PathLike[str] = "/sys") -> dict[str, tuple[int, ...]]:
    """Return the cores of each cluster that this process may use; empty where all cores are alike, or nobody knows.

    Read from the kernel: the capacities of cores (Arm), or the lists of performance and efficiency cores (Intel).

    >>> core_clusters(sys="/no/such/folder")
    {}
    """
    if not hasattr(os, "sched_getaffinity"):
        return {}
    root, usable = Path(sys), os.sched_getaffinity(0)
    hybrid = {word: _core_list(root / name) for word, name in _HYBRID.items()}
    clusters = hybrid if all(hybrid.values()) else _by_capacity(root)
    return {word: mine for word, cores in clusters.items() if (mine := tuple(sorted(usable.intersection(cores))))}


def _by_capacity(sys: Path) -> dict[str, tuple[int, ...]]:
    capacities = {
        int(folder.name[3:]): capacity
        for folder in (sys / "devices/system/cpu").glob("cpu[0-9]*")
        if (capacity := read_number(folder / "cpu_capacity"))
    }
    kinds: list[list[int]] = []
    strongest = 0
    for core in sorted(capacities, key=lambda core: (-capacities[core], core)):
        if not kinds or capacities[core] < _ALIKE * strongest:
            kinds.append([])
            strongest = capacities[core]
        kinds[-1].append(core)
    words = _WORDS.get(len(kinds), ())
    return {word: tuple(cores) for word, cores in zip(words, kinds, strict=False)}


def _core_list(path: Path) -> tuple[int, ...]:
    """Read a list of the kernel's, such as 0-3,8."""
    try:
        ranges = [part.split("-") for part in path.read_text().strip().split(",") if part]
        return tuple(core for ends in ranges for core in range(int(ends[0]), int(ends[-1]) + 1))
    except (OSError, ValueError):
        return ()


@dataclass(frozen=True)
class ClusterProcessor(Processor):
    """One cluster of cores, one thread on each. Waiting threads sleep: thrift is what clusters are for.

    Attributes:
        word: "big", "mid" or "little".
        sys: where the kernel's tree is mounted.

    >>> ClusterProcessor("big", sys="/no/such/folder").availability()
    Availability(available=False, reason='the cores of this machine are of one kind')
    """

    word: str
    sys: str = field(default="/sys", repr=False)
    name: str = field(init=False)
    provider: str = field(init=False, default="CPUExecutionProvider", repr=False)

    def __post_init__(self) -> None:
        if self.word not in _CLUSTERS:
            raise ProcessorError(f"cpu: got cluster {self.word!r}, allowed are {', '.join(_CLUSTERS)}")
        object.__setattr__(self, "name", f"cpu:{self.word}")

    @property
    def threads(self) -> int:
        """How many work on one inference; 0 where the machine has no such cores."""
        return len(core_clusters(self.sys).get(self.word, ()))

    def availability(self) -> Availability:
        """Say whether the machine has such cores that this process may use, and whether a graph runs on them."""
        clusters = core_clusters(self.sys)
        if self.word not in clusters:
            there = f"the clusters of this machine are {', '.join(clusters)}"
            return Availability(False, there if clusters else "the cores of this machine are of one kind")
        return smoke_test(self, f"cores {', '.join(map(str, clusters[self.word]))}")

    def open(self, variant: bytes | str | os.PathLike[str]) -> "PinnedSession":
        """Load a variant (its path, or the bytes of its ONNX file).

        Raises:
            ModelError: not a model, a truncated one, or an operator that the runtime lacks.
            ProcessorError: the machine has no such cores.
        """
        cores = core_clusters(self.sys).get(self.word)
        if not cores:
            raise ProcessorError(f"{self.name}: {self.availability().reason}")
        return PinnedSession(variant, cores)


class PinnedSession(OrtSession):
    """A session whose threads run on some cores only; the calling thread joins them for the run.

    Args:
        variant: path of an ONNX file, or its bytes.
        cores: numbers of the cores; one thread works on each.
    """

    def __init__(self, variant: bytes | str | os.PathLike[str], cores: Sequence[int]) -> None:
        self.cores = frozenset(cores)
        options = session_options(len(cores))
        if len(cores) > 1:
            # one entry for each thread but the caller's; ONNX Runtime counts cores from 1
            everywhere = ",".join(str(core + 1) for core in cores)
            options.add_session_config_entry(
                "session.intra_op_thread_affinities", ";".join([everywhere] * (len(cores) - 1))
            )
        super().__init__(variant, options)

    def run(self, feeds: Mapping[str, np.ndarray], outputs: Sequence[str] | None = None) -> list[np.ndarray]:
        """Run one inference on the cores; the calling thread may go anywhere afterwards, as before."""
        before = os.sched_getaffinity(0)
        try:
            os.sched_setaffinity(0, self.cores)
        except OSError as error:
            raise ProcessorError(f"cores {sorted(self.cores)} may not be used: {error.strerror}") from error
        try:
            return super().run(feeds, outputs)
        finally:
            os.sched_setaffinity(0, before)


class ClusterFamily(ProcessorFamily):
    """The clusters of the CPU's cores, where they are not alike.

    >>> ClusterFamily().parse("cpu:big").name
    'cpu:big'
    """

    forms = tuple(f"cpu:{word}" for word in _CLUSTERS)

    def parse(self, name: str) -> ClusterProcessor | None:
        """Return the processor called `name`; None where it is not such a name."""
        return ClusterProcessor(name.removeprefix("cpu:")) if name in self.forms else None

    def discover(self) -> Iterator[tuple[Processor, Availability]]:
        """Run a small graph on each cluster."""
        for processor in map(ClusterProcessor, core_clusters()):
            yield processor, processor.availability()
