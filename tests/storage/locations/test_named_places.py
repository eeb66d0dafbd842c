"""What is said and kept names the addresses that were given, not where their mirrors lie here."""

import json
from pathlib import Path

import fsspec
import numpy as np
import pytest

import compsel
from compsel.cli.main import main
from compsel.storage.locations.using import address_behind, fetch, in_addresses, kept_in_step, mirror_of
from tests.storage.locations.test_mirror import own_cache
from tests.storage.locations.test_whole_path import make_model

__all__ = ["make_model", "own_cache"]


@pytest.mark.slow
def test_a_build_elsewhere_leaves_all_it_makes_there(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place, samples = "memory://named", tmp_path / "samples.npz"
    np.savez(samples, x=np.random.default_rng(0).integers(0, 256, (24, 32, 32, 3), np.uint8))
    files = fsspec.filesystem("memory")
    files.put_file(str(samples), "/named/samples.npz")
    given = ["--samples", f"{place}/samples.npz", "--out", f"{place}/bundle", "--json", str(tmp_path / "said.json")]
    options = ["--technique", "none", "--state", "idle", "--processor", "cpu:1"]
    assert main(["build", str(model), *given, *options]) == 0, capsys.readouterr().err
    printed = "".join(capsys.readouterr())
    assert f"bundle: {place}/bundle\n" in printed
    assert f"Next: compsel evaluate {place}/bundle " in printed
    assert f"measurements: {place}/bundle.work: " in printed
    assert f"report: {place}/bundle.report.html" in printed
    assert {"/named/bundle.work/profile.json", "/named/bundle.report.html"} <= set(files.find("/named"))
    kept = [files.cat(path).decode() for path in files.find("/named/bundle") if path.endswith(".json")]
    for text in (printed, (tmp_path / "said.json").read_text(), *kept):
        assert str(tmp_path / "cache") not in text
    found = compsel.evaluate(f"{place}/bundle", f"{place}/samples.npz", repeats=1)
    assert found.all_measured, "what the build measured lies beside it"
    assert found.bundle == f"{place}/bundle"
    assert main(["report", f"{place}/bundle", "--json", str(tmp_path / "page.json")]) == 0
    assert json.loads((tmp_path / "page.json").read_text())["path"] == f"{place}/bundle.report.html"


def test_a_model_is_put_with_what_it_needs_beside_it(tmp_path: Path) -> None:
    table = tmp_path / "texts.csv"
    rows = [f"{text} {number},{text}" for number in range(20) for text in ("lights", "talk")]
    table.write_text("\n".join(["text,label", *rows]))
    compsel.student(str(table), "memory://named/student/model.onnx")
    folder = fetch("memory://named/student")
    assert len(list(folder.iterdir())) == 2, "a tokenizer too"
    assert compsel.Model.load(folder / "model.onnx").preprocessing is not None


def test_a_mirror_that_is_the_beginning_of_another_ones_name_is_not_taken_for_it() -> None:
    with kept_in_step("memory://named/both") as written:
        (written / "a").write_text("1")
    read = fetch("memory://named/both")
    assert str(read).startswith(str(written)), "else this shows nothing"
    assert (
        in_addresses(f"{read}: damaged, {written}/a: too") == "memory://named/both: damaged, memory://named/both/a: too"
    )
    assert address_behind(read) == address_behind(written) == "memory://named/both"
    assert mirror_of("memory://named/both") in (read, written)
    assert mirror_of("memory://named/neither") is None
