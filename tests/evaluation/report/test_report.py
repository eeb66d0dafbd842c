"""The page stands alone, says what is in the folder, and trusts no name in it."""

import json
import re
import shutil
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from compsel.errors import BundleError, IntegrityError, UsageError
from compsel.evaluation.report.charts import line_chart
from compsel.evaluation.report.content import ReportContent, read_content, read_evaluation
from compsel.evaluation.report.data import as_json, page_data
from compsel.evaluation.report.elements import table
from compsel.evaluation.report.headline import basis
from compsel.evaluation.report.previews import previews
from compsel.evaluation.report.report import render, write_report
from compsel.evaluation.report.views import views
from compsel.profiling.candidates import Candidate
from compsel.profiling.profile import Profile
from compsel.runtime import Runtime
from tests.evaluation.report import made_up_page


class Reader(HTMLParser):
    """Notes what a page would fetch, whether its tags are closed, which names are used twice, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.tags: list[str] = []
        self.names: list[str] = []
        self.captions: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        given = {key: value or "" for key, value in attrs}
        assert not [key for key in given if key.startswith("on")]
        self.fetched += [given[key] for key in ("src", "href") if key in given and not given[key].startswith("data:")]
        self.names += [given["id"]] if "id" in given else []
        if tag not in ("meta", "img", "br", "input", "wbr"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & {*self.open}:
            self.text += data
            if self.open[-1:] == ["caption"]:
                self.captions.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    assert not reader.open
    assert reader.fetched == []
    assert len({*reader.names}) == len(reader.names)
    assert len({*reader.captions}) == len(reader.captions)
    return reader


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert found is not None
    return dict(json.loads(found[1]))


@pytest.mark.parametrize("modality", ["image", "text", "tensors"])
def test_a_page_with_two_thousand_inputs_stands_alone_in_less_than_a_megabyte(modality: str) -> None:
    evaluation = made_up_page.evaluation(2000, modality)
    shown = {} if modality == "tensors" else previews(made_up_page.Shown(modality, 2000), evaluation["inputs"])
    page = render(made_up_page.content(modality, evaluation), shown)
    reader = read(page)
    assert len(page.encode()) < 1_000_000
    assert "url(" not in page.replace("url(#inside)", "") and "@import" not in page
    assert len(data_of(page)["tables"]["inputs"]["rows"]) == 2000
    assert reader.tags.count("img") == (28 if modality == "image" else 0)


def test_the_verdict_comes_first_with_its_intervals_and_what_it_rests_on() -> None:
    text = read(render(made_up_page.content("text", made_up_page.evaluation(modality="text")))).text
    words = (
        "2.00 times as fast as the uncompressed network; too few samples to tell their accuracy apart",
        "95 %: 1.80 to 2.20",
        "2.40 ms instead of 8.00 ms",
        "91.7 %",
        "24.0 MBinstead of 19.0 MB",
        "110 MBinstead of 110 MB",
        "30.0 mJinstead of 90.0 mJ an answer",
        "Measured end to end in one run on 60 texts that the build had not seen.",
        "Accuracy against latency",
        "Adaptive beats net/none: 2.00x.",
        "But <b>.",
        "Which texts took which way",
        "54 texts",
        "Where it went wrong",
        "5 of 60 answers are wrong",
        "Where the milliseconds go",
        "tokenizing",
        "When the device is busy",
        "Small and large texts",
        "Would more samples help?",
        "more samples will help",
        "Energy",
    )
    places = [text.find(word) for word in words]
    assert -1 not in places, [word for word, place in zip(words, places, strict=True) if place < 0]
    assert places[:9] == sorted(places[:9])
    assert "image" not in text


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (0.0, "60 images that the build had not seen."),
        (0.3, "60 images, 30.0 % of which the build itself used"),
        (1.0, "60 images that the build itself used: on others it will be less accurate"),
        (None, "whether the build had seen them is not recorded"),
    ],
)
def test_the_page_says_whether_the_build_knew_the_inputs(seen: float | None, words: str) -> None:
    assert words in basis(made_up_page.content(evaluation=made_up_page.evaluation(seen=seen)))


def test_the_model_as_it_runs_today_is_what_a_bundle_is_compared_with_where_it_was_timed() -> None:
    evaluation = made_up_page.evaluation()
    evaluation["policies"]["current"] = evaluation["policies"].pop("most_accurate")
    evaluation["summary"] |= {
        "speedup_vs_current": 3.5,
        "speedup_vs_current_95": [3.0, 4.0],
        "accuracy_vs_current": -0.02,
        "accuracy_vs_current_95": [-0.03, -0.01],
    }
    text = read(render(made_up_page.content(evaluation=evaluation))).text
    assert "3.50 times as fast as your model runs today, but 2.0 points less accurate." in text


def test_energy_is_compared_with_what_speed_and_accuracy_are_compared_with_and_that_is_named() -> None:
    evaluation = made_up_page.evaluation()
    before = read(render(made_up_page.content(evaluation=evaluation))).text
    assert "30.0 mJinstead of 90.0 mJ an answer of the uncompressed network" in before
    evaluation["policies"]["current"] = {**evaluation["policies"]["most_accurate"], "energy_mj": 120.0}
    evaluation["summary"] |= {"speedup_vs_current": 4.0, "speedup_vs_current_95": [3.8, 4.2]}
    evaluation["summary"] |= {"accuracy_vs_current": 0.0, "accuracy_vs_current_95": [-0.06, 0.06]}
    text = read(render(made_up_page.content(evaluation=evaluation))).text
    assert "4.00 times as fast as your model runs today" in text
    assert "30.0 mJinstead of 120 mJ an answer of your model as it runs today" in text
    # and few samples that show no difference are not called proof of none
    assert "no difference of accuracy seen, but so few samples leave 6.0 points open" in text


def test_shares_are_written_alike_and_small_files_in_kilobytes() -> None:
    small = {made_up_page.NONE: 0.147, made_up_page.SMALL: 0.0764}
    content = made_up_page.content(evaluation=made_up_page.evaluation(), files_mb=small, adaptive=(made_up_page.SMALL,))
    text = read(render(content)).text
    assert "76 kBinstead of" in text
    shares = re.findall(r"(\d+(?:\.\d+)?)( ?)%", text)
    shares = [(figure, space) for figure, space in shares if f"95{space}%" != f"{figure}{space}%"]
    assert len(shares) > 20
    assert all(space == " " and len(figure.partition(".")[2]) == 1 for figure, space in shares), shares


def test_names_on_an_axis_never_stand_upon_another() -> None:
    sizes = (120.0, 128.0, 131.0, 250.0, 256.0, 4096.0, 4100.0)
    line = [(size, 1.0 + size) for size in sizes]
    html = line_chart({"a": line}, "size", "ms", "d", log=(True, True), x_names={one: f"{one:.0f}" for one in sizes})
    written = re.findall(r'<text class="tick" x="([\d.]+)" y="[\d.]+" text-anchor="middle">([^<]+)</text>', html)
    places = [(float(at), name) for at, name in written]
    assert [name for _, name in places] == ["120", "250", "4100"]
    assert html.count('<line class="grid" x1=') >= len(sizes)
    for (left, one), (right, other) in pairwise(places):
        assert right - left > 6.5 * (len(one) + len(other)) / 2


def test_the_picture_has_every_static_choice_the_policies_and_the_curve_in_every_state() -> None:
    found = views(made_up_page.content(evaluation=made_up_page.evaluation()))
    assert [view["name"] for view in found] == ["as evaluated", "idle", "2 busy neighbours"]
    kinds = [sorted({point["kind"] for point in view["points"]}) for view in found]
    assert kinds[0] == ["adaptive", "oracle", "other", "sceptic", "static", "uncompressed"]
    assert kinds[1] == ["adaptive", "dominated", "oracle", "sceptic", "static", "uncompressed"]
    assert [len(view["curve"]) for view in found] == [3, 3, 3]
    idle, busy = ({(p["label"], p.get("processor")): p["x"] for p in view["points"]} for view in found[1:])
    assert busy["net/none", "cpu:1"] == 2 * idle["net/none", "cpu:1"]


def test_classes_that_are_taken_for_others_are_counted_and_the_surest_errors_come_first() -> None:
    evaluation = made_up_page.evaluation()
    page = render(made_up_page.content(evaluation=evaluation))
    assert '<th scope="row">dog</th><td>cat</td><td class="number">5</td>' in page
    rows = re.findall(r'<th scope="row">(input \d+)</th>', page)
    wrong = sorted((row for row in evaluation["inputs"] if not row["right"]), key=lambda row: -row["confidence"])
    assert rows[: len(wrong)] == [row["name"] for row in wrong]


def test_names_and_texts_are_text_never_markup() -> None:
    evil = made_up_page.EVIL
    evaluation = made_up_page.evaluation(modality="text")
    for row in evaluation["inputs"]:
        row["answered"] = evil
    shown = previews(made_up_page.Shown("text", 60), evaluation["inputs"])
    content = made_up_page.content(
        "text", evaluation, origin=evil, candidates=(Candidate(evil, 1, 0.9, evil, 5, 4, 6),)
    )
    page = render(content, shown)
    assert "img" not in read(page).tags
    assert evil in read(page).text
    assert data_of(page)["tables"]["inputs"]["rows"][0][5] == evil


def test_json_in_a_page_cannot_end_its_element() -> None:
    text = as_json({"</script>": "<!--\u2028", "nothing": float("nan")})
    assert "<" not in text and "\u2028" not in text
    assert json.loads(text) == {"</script>": "<!--\u2028", "nothing": None}


def test_of_very_many_inputs_the_wrong_ones_are_kept() -> None:
    evaluation = made_up_page.evaluation(5000)
    found = page_data(made_up_page.content(evaluation=evaluation), [])["tables"]["inputs"]
    assert (len(found["rows"]), found["of"]) == (2000, 5000)
    right = found["columns"].index("right")
    assert sum(not row[right] for row in found["rows"]) == sum(not row["right"] for row in evaluation["inputs"])


def test_columns_that_are_empty_are_left_out_and_numbers_stand_to_the_right() -> None:
    html = table("a table", ("name", "ms", "nothing"), [["a", "5.54 *", ""], ["b", "0.18 to 0.46", ""]])
    assert "nothing" not in html
    assert table("t", ("a", "b"), [["x", "5.54"], ["y", "91.2 %"]]).count('<td class="number"') == 2


def test_evaluations_of_before_have_a_page(bundle_folder: Path) -> None:
    old = made_up_page.evaluation()
    for key in ("inputs", "calibration", "curve", "time_ms", "seen", "modality", "verdict", "static", "energy"):
        old.pop(key)
    text = read(render(read_content(bundle_folder, old))).text
    assert "whether the build had seen them is not recorded" in text
    assert "Where it went wrong" not in text


def test_a_bundle_shows_what_was_measured_and_what_is_in_it(bundle_folder: Path, profile: Profile) -> None:
    content = read_content(bundle_folder)
    assert content.kind == "bundle"
    assert {one.variant for one in content.candidates} == set(profile.names)
    assert set(content.adaptive) <= set(content.shipped) <= set(profile.names)
    assert content.n_samples == len(profile.samples)
    assert content.memory_mb.keys() <= set(profile.names)
    text = read(render(content)).text
    for name in profile.names:
        assert name in text
    assert "Every policy, measured in one run" not in text


def test_a_profile_has_a_page_too(profile_folder: Path, profile: Profile, tmp_path: Path) -> None:
    page = write_report(profile_folder, tmp_path / "report.html").read_text(encoding="utf-8")
    text = read(page).text
    assert "Nothing has been trained on it yet" in text
    assert "How it chooses" not in text
    for name in profile.names:
        assert name in text


def test_older_bundles_show_the_variants_that_are_in_them(runtime: Runtime) -> None:
    """The cascade bundle of the tests was written without `candidates` in its summary."""
    content = read_content(runtime.bundle.folder)
    assert {one.variant for one in content.candidates} == set(runtime.bundle.variants)
    assert content.labelled is None
    read(render(content))


def test_an_empty_content_is_a_page() -> None:
    read(render(ReportContent("profile", "p", {}, 0, "", None, (), (), (), ())))


def test_other_folders_and_files_are_refused(tmp_path: Path, bundle_folder: Path) -> None:
    with pytest.raises(UsageError, match="neither a bundle"):
        read_content(tmp_path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_evaluation(tmp_path / "none.json")
    for text in ("{", "[]", "{}", '{"policies": {"a": {}}}', json.dumps({"policies": {}, "summary": {}})):
        (tmp_path / "e.json").write_text(text, encoding="utf-8")
        with pytest.raises(UsageError, match="is not what compsel evaluate --json writes"):
            read_evaluation(tmp_path / "e.json")
    evaluation = made_up_page.evaluation()
    (tmp_path / "e.json").write_text(json.dumps(evaluation), encoding="utf-8")
    assert read_evaluation(tmp_path / "e.json") == evaluation


def test_a_changed_bundle_has_no_report(bundle_folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(bundle_folder, tmp_path / "bundle")
    (copy / "bundle.json").write_text("{}", encoding="utf-8")
    with pytest.raises((IntegrityError, BundleError)):
        write_report(copy, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()
