"""The page that `compsel build` and `compsel evaluate` leave beside the bundle, and name in their last line."""

from pathlib import Path

import pytest

from compsel.cli.main import main
from compsel.evaluation.report.report import report_path
from tests.text_models import classifier, write_table

QUICK = ["--processor", "cpu:1", "--state", "idle", "--calibration", "6", "--budget", "0.5"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of texts, a table, and a bundle without a page."""
    folder = tmp_path_factory.mktemp("report")
    classifier().save(folder / "words.onnx")
    write_table(folder / "intents.csv", 60)
    assert main([*build(folder), "--no-report"]) == 0
    assert not report_path(folder / "bundle").exists()
    return folder


def build(folder: Path) -> list[str]:
    table = ["--samples", str(folder / "intents.csv")]
    return ["build", str(folder / "words.onnx"), *table, "--out", str(folder / "bundle"), *QUICK]


def evaluate(folder: Path, *more: str) -> None:
    table = ["--samples", str(folder / "intents.csv"), "--part", "1/3", "--repeats", "1"]
    assert main(["evaluate", str(folder / "bundle"), *table, *more]) == 0


def test_a_build_names_its_page_last(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*build(folder), "--replace"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(f"report: {report_path(folder / 'bundle')} (")
    page = report_path(folder / "bundle").read_text(encoding="utf-8")
    assert "Which texts took which way" in page
    assert "from cross-validation" in page


def test_an_evaluation_brings_itself_in_and_texts_unless_they_are_not_wanted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate(folder)
    assert capsys.readouterr().out.splitlines()[-1].startswith("report: ")
    page = report_path(folder / "bundle").read_text(encoding="utf-8")
    assert "20 texts that the build itself used" in page
    assert "<q>" in page
    evaluate(folder, "--no-inputs")
    assert "<q>" not in report_path(folder / "bundle").read_text(encoding="utf-8")
    report_path(folder / "bundle").unlink()
    evaluate(folder, "--no-report")
    assert not report_path(folder / "bundle").exists()


def test_report_writes_the_page_beside_the_bundle_unless_told_where(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report_path(folder / "bundle").unlink(missing_ok=True)
    assert main(["report", str(folder / "bundle")]) == 0
    assert capsys.readouterr().out.startswith(f"report: {report_path(folder / 'bundle')} (")
    report_path(folder / "bundle").unlink()


def test_report_shows_inputs_of_samples_that_it_is_given(folder: Path, tmp_path: Path) -> None:
    evaluate(folder, "--no-report", "--json", str(tmp_path / "e.json"))
    arguments = ["report", str(folder / "bundle"), "--evaluation", str(tmp_path / "e.json")]
    for more in ([], ["--samples", str(folder / "intents.csv")]):
        assert main([*arguments, "--out", str(tmp_path / "r.html"), *more]) == 0
        assert ("<q>" in (tmp_path / "r.html").read_text(encoding="utf-8")) == bool(more)


def test_a_page_that_cannot_be_written_spoils_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = report_path(folder / "bundle")
    path.mkdir()
    evaluate(folder)
    path.rmdir()
    assert "no report: " in capsys.readouterr().err
