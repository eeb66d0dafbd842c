"""The size of every sample, `sizes.parquet`: one row a sample; absent where costs do not depend on it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compsel.errors import ProfileError
from compsel.inputs.modalities import modality_of
from compsel.inputs.samples import Samples
from compsel.profiling.belonging import Belonging
from compsel.profiling.latency_table import read_latency
from compsel.profiling.tables import require_columns
from compsel.storage.parquet import read_table, write_table
from compsel.variants.variant import Variant

__all__ = ["read_sizes", "write_sizes"]

_FILE = "sizes.parquet"


def write_sizes(folder: Path, samples: Samples, variants: Sequence[Variant]) -> None:
    """Write `sizes.parquet`, as the measured latencies count; or remove it where they depend on no size.

    Sizes of images are left out: what they cost is alike for all choices.
    """
    path = folder / _FILE
    latency = read_latency(folder, Belonging.here(variants))
    counting = None if latency is None else next((one for one in variants if one.name == latency.sized_by), None)
    if counting is None or modality_of(counting).size_costs != "inference":
        path.unlink(missing_ok=True)
        return
    metadata = {"samples": samples.digest(), "sized_by": counting.name, "sha256": counting.sha256}
    if path.exists() and metadata.items() <= read_table(path)[1].items():
        return
    modality = modality_of(counting)
    sizes = [modality.size(samples.value(index), counting) for index in range(len(samples))]
    write_table(path, {"sample": list(samples.names), "size": np.array(sizes, np.float64)}, metadata)


def read_sizes(folder: Path, samples: Sequence[str]) -> NDArray[np.float64] | None:
    """Return the size (n,) of each sample; None where costs do not depend on it.

    Raises:
        ProfileError: a damaged table, or one of other samples.
    """
    path = folder / _FILE
    if not path.exists():
        return None
    columns, _ = read_table(path)
    require_columns(path, columns, ("sample", "size"))
    if list(columns["sample"]) != list(samples):
        raise ProfileError(f"{path}: is of other samples than the quality tables: measure again")
    return np.asarray(columns["size"], np.float64)
