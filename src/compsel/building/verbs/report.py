"""`compsel.report`: one self-contained HTML page about a bundle or a profile."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from compsel.building.verbs.options import as_samples
from compsel.evaluation.report.content import read_evaluation
from compsel.evaluation.report.report import write_report
from compsel.evaluation.results import Evaluation

__all__ = ["report"]


def report(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    evaluation: Evaluation | Mapping[str, Any] | str | os.PathLike[str] | None = None,
    samples: Any = None,
) -> Path:
    """Write one self-contained HTML page about a bundle or a profile; return its path.

    Args:
        source: folder of a bundle, or of a profile.
        out: the HTML file.
        evaluation: what `compsel.evaluate` gave, or the file that `compsel evaluate --json` wrote; None: leave it out.
        samples: those of the evaluation, of which the page then shows some; see `compsel.build`. None: it shows none.

    Raises:
        UsageError: a source that is neither, or a file that is no evaluation.
        CompselError: what `compsel.evaluation.report.report.write_report` raises.
    """
    if isinstance(evaluation, (str, os.PathLike)):
        evaluation = read_evaluation(Path(evaluation))
    content = evaluation.to_dict() if isinstance(evaluation, Evaluation) else evaluation
    return write_report(source, out, content, None if samples is None else as_samples(samples))
