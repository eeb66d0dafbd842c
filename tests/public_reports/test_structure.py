"""Public reports about structure: every technique makes a variant that is close in every channel, or has a reason."""

from pathlib import Path

import pytest

from tests.public_reports import structure
from tests.public_reports.judge import faults
from tests.public_reports.reports import REPORTS

NAMES = [name for name, report in REPORTS.items() if report.group == structure.__name__.rpartition(".")[2]]


@pytest.mark.parametrize("name", NAMES)
def test_a_report(name: str, tmp_path: Path) -> None:
    assert faults(REPORTS[name], name, tmp_path) == []
