"""The measured quality of one variant, and how it is stored: `quality/<variant>.parquet`, one row a sample."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from compsel.errors import ProfileError
from compsel.features.evidence import Evidence, OutputEvidence
from compsel.profiling.output_quality import QualityCriterion
from compsel.profiling.tables import require_columns
from compsel.storage.file_names import slug
from compsel.storage.parquet import read_table
from compsel.variants.variant import Variant

__all__ = ["evidence_in", "quality_path", "read_quality"]


def quality_path(folder: Path, variant: Variant) -> Path:
    """Return where the quality of a variant is stored."""
    return folder / "quality" / f"{slug(variant.name)}.parquet"


def read_quality(folder: Path, variant: Variant) -> dict[str, Any]:
    """Return the columns of a variant's table.

    Raises:
        ProfileError: a damaged table, or one that was measured with another file.
    """
    path = quality_path(folder, variant)
    columns, metadata = read_table(path)
    if metadata.get("sha256") != variant.sha256:
        raise ProfileError(f"{path}: was measured with another file of {variant.name}")
    require_columns(path, columns, ("sample", "label", "quality"))
    return columns


def evidence_in(table: Mapping[str, Any], n_classes: int, criterion: QualityCriterion | None) -> Evidence | None:
    """Return what the answers in a table are evidence for; None in old tables, which do not hold it.

    Args:
        table: its columns.
        n_classes: of the models.
        criterion: by which answers without class scores were rated; None for classifiers.
    """
    if criterion is None:
        if "classes" not in table:
            return None
        return Evidence(table["classes"].astype(np.int32), table["probabilities"].astype(np.float32), n_classes)
    if "sketch" not in table:
        return None
    good = table["quality"].astype(np.float64) >= criterion.good_enough
    return OutputEvidence.of(table["confidence"], table["sketch"], criterion.confidence).judged(good)
