"""`compsel.report`: one self-contained HTML page about a bundle or a profile."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from compsel.evaluation.report.content import read_evaluation
from compsel.evaluation.report.report import write_report
from compsel.evaluation.results import Evaluation

__all__ = ["report"]


def report(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    evaluation: Evaluation | Mapping[str, Any] | str | os.PathLike[str] | None = None,
) -> Path:
    """Write one self-contained HTML page about a bundle or a profile; return its path.

    Args:
        source: folder of a bundle, or of a profile.
        out: the HTML file.
        evaluation: what `compsel.evaluate` gave, or the file that `compsel evaluate --json` wrote; None: leave it out.

    Raises:
        UsageError: a source that is neither, or a file that is no evaluation.
        CompselError: what `compsel.evaluation.report.report.write_report` raises.
    """
    if isinstance(evaluation, (str, os.PathLike)):
        evaluation = read_evaluation(Path(evaluation))
    return write_report(source, out, evaluation.to_dict() if isinstance(evaluation, Evaluation) else evaluation)
