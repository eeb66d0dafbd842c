"""`compsel.report`: one self-contained HTML page about a bundle or a profile."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from compsel.building.verbs.given import as_samples
from compsel.building.verbs.places import with_places
from compsel.bundle.bundle import Bundle
from compsel.bundle.manifest import MANIFEST
from compsel.evaluation.report.content import read_evaluation
from compsel.evaluation.report.report import report_path, write_report
from compsel.evaluation.results import Evaluation
from compsel.inputs.modalities import modality_of
from compsel.inputs.modality import Modality
from compsel.profiling.profile import Profile

__all__ = ["report"]


@with_places(read=("source", "evaluation", "samples"))
def report(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    evaluation: Evaluation | Mapping[str, Any] | str | os.PathLike[str] | None = None,
    samples: Any = None,
) -> Path:
    """Write one self-contained HTML page about a bundle or a profile; return its path.

    Args:
        source: folder of a bundle, or of a profile.
        out: the HTML file; None: `<source>.report.html`, where `build` and `evaluate` leave theirs.
        evaluation: what `compsel.evaluate` gave, or the file that `compsel evaluate --json` wrote; None: leave it out.
        samples: those of the evaluation, of which the page then shows some; see `compsel.build`. None: it shows none.

    Raises:
        UsageError: a source that is neither, or a file that is no evaluation.
        CompselError: what `compsel.evaluation.report.report.write_report` raises.
    """
    if isinstance(evaluation, (str, os.PathLike)):
        evaluation = read_evaluation(Path(evaluation))
    content = evaluation.to_dict() if isinstance(evaluation, Evaluation) else evaluation
    opened = None if samples is None else as_samples(samples, lambda: _modality(Path(source)))
    return write_report(source, report_path(source) if out is None else out, content, opened)


def _modality(source: Path) -> Modality:
    """Return the modality of the models of a bundle or a profile."""
    if (source / MANIFEST).is_file():
        return Bundle.load(source).modality
    return modality_of(Profile.load(source).variants[0])
