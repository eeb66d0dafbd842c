"""Public reports: every technique makes a variant that is close in every channel, or says a reason."""

from pathlib import Path

import pytest

from tests.public_reports import control_flow, layers, operators, quantised, structure, types
from tests.public_reports.judge import faults
from tests.public_reports.reports import REPORTS

MODULES = (control_flow, layers, operators, quantised, structure, types)


@pytest.mark.parametrize("name", REPORTS)
def test_a_report(name: str, tmp_path: Path) -> None:
    assert faults(REPORTS[name], name, tmp_path) == []


def test_addresses_name_a_report_each() -> None:
    assert len({report.address for report in REPORTS.values()}) >= 50
    assert all(hasattr(module, "report") for module in MODULES)
