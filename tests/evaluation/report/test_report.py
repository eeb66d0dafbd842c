"""The page stands alone, says what is in the folder, and trusts no name in it."""

import json
import re
from html.parser import HTMLParser

import pytest

from compsel.errors import BundleError, IntegrityError, UsageError
from compsel.evaluation.report.content import ReportContent, read_content, read_evaluation
from compsel.evaluation.report.html_elements import table
from compsel.evaluation.report.report import render, write_report
from compsel.profiling.candidates import Candidate
from compsel.profiling.dominance import Domination


def policy(accuracy, ms):
    latency = {"mean": ms, "p50": ms, "p95": 1.5 * ms, "p99": 2 * ms}
    return {"accuracy": accuracy, "latency_ms": latency, "energy_mj": None, "choices": {"a@cpu:1": 1.0}}


EVALUATION = {
    "n": 200,
    "policies": {
        "adaptive": policy(0.885, 4.0),
        "most_accurate": policy(0.875, 12.0),
        "best_static": policy(0.89, 8.0),
        "oracle": policy(0.92, 2.0),
    },
    "overhead_ms": {"total": 0.33},
    "summary": {
        "speedup_vs_most_accurate": 3.0,
        "accuracy_vs_most_accurate": 0.01,
        "speedup_vs_best_static": 2.0,
        "accuracy_vs_best_static": -0.005,
        "gap_closed": 0.28,
        "gap_closed_95": [0.09, 0.45],
    },
}


WITH_VERDICT = {
    **EVALUATION,
    "policies": {**EVALUATION["policies"], "hindsight_static": policy(0.885, 3.0)},
    "verdict": {
        "beats_hindsight_static": False,
        "sentence": "adaptive does not beat net/<int8>: 0.75x as fast",
        "reasons": ["this static choice is better here: ship that one"],
    },
    "hindsight_static": {"variant": "net/<int8>", "as_accurate": True, "contenders": 3, "all_measured": False},
    "static": {},
    "summary": {
        **EVALUATION["summary"],
        "speedup_vs_best_static_95": [1.8, 2.25],
        "accuracy_vs_best_static_95": [-0.02, 0.01],
        "speedup_vs_hindsight_static": 0.75,
        "speedup_vs_hindsight_static_95": [0.7, 0.8],
        "accuracy_vs_hindsight_static": 0.0,
        "accuracy_vs_hindsight_static_95": [-0.01, 0.01],
    },
}


class Reader(HTMLParser):
    """Notes what a page would fetch, and whether its tags are closed."""

    def __init__(self):
        super().__init__()
        self.open, self.fetched, self.tags = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.fetched += [value for key, value in attrs if key in ("src", "href") and not value.startswith("data:")]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def read(page):
    reader = Reader()
    reader.feed(page)
    assert not reader.open
    return reader


def test_the_page_of_a_bundle_stands_alone(bundle_folder, tmp_path):
    path = write_report(bundle_folder, tmp_path / "report.html", EVALUATION)
    page = path.read_text(encoding="utf-8")
    reader = read(page)
    assert reader.fetched == []
    assert "script" not in reader.tags
    assert reader.tags.count("img") >= 2
    for words in (
        "3.00 times as fast",
        "1.0 points more accuracy",
        "0.28 (95 %: 0.09 to 0.45)",
        "nested cross-validation",
    ):
        assert words in re.sub(r"\s+", " ", page)


def test_the_page_begins_with_the_verdict_and_shows_every_interval(bundle_folder):
    page = render(read_content(bundle_folder, WITH_VERDICT))
    read(page)
    verdict = page.index("<p>Adaptive does not beat net/&lt;int8&gt;: 0.75x as fast.</p>")
    reason = page.index("<p>This static choice is better here: ship that one.</p>")
    assert verdict < reason < page.index("This bundle aims for")
    for words in (
        "<td>hindsight static</td>",
        "2.00 (95 %: 1.80 to 2.25)",
        "-0.5 (95 %: -2.0 to +1.0)",
        "0.75 (95 %: 0.70 to 0.80)",
        "+0.0 (95 %: -1.0 to +1.0)",
        "one of the 3 variants in this bundle",
    ):
        assert words in page


def test_evaluations_of_before_have_no_verdict_and_a_page(bundle_folder):
    page = render(read_content(bundle_folder, EVALUATION))
    assert "hindsight static</td>" not in page
    assert "Adaptive" not in page


def test_a_bundle_shows_what_was_measured_and_what_is_in_it(bundle_folder, profile):
    content = read_content(bundle_folder)
    assert content.kind == "bundle"
    assert {one.variant for one in content.candidates} == set(profile.names)
    assert set(content.shipped) <= set(profile.names)
    assert content.n_samples == len(profile.samples)
    assert content.states == ("idle",)
    page = render(content)
    for name in profile.names:
        assert name in page
    assert "in the bundle" in page
    assert "Compared on the device" not in page


def test_a_profile_has_a_page_too(profile_folder, profile, tmp_path):
    page = write_report(profile_folder, tmp_path / "report.html").read_text(encoding="utf-8")
    read(page)
    assert "nothing has been trained on it yet" in page
    assert "How it chooses" not in page
    for name in profile.names:
        assert name in page


def test_older_bundles_show_the_variants_that_are_in_them(runtime):
    """The cascade bundle of the tests was written without `candidates` in its summary."""
    content = read_content(runtime.bundle.folder)
    assert {one.variant for one in content.candidates} == set(runtime.bundle.variants)
    assert content.labelled is None
    read(render(content))


def made_up(*candidates, **more):
    fields = {"kind": "profile", "name": "p", "device": {}, "n_samples": 4, "origin": "", "labelled": True}
    return ReportContent(**(fields | more), candidates=candidates, shipped=(), states=(), costs=())


def test_dominated_variants_are_told_with_their_reason():
    good = Candidate("net/none", 4.0, 0.9, "cpu:1", 5.0, 4.9, 5.1)
    beaten = Candidate("net/int8-dynamic", 1.0, 0.8, "cpu:1", 9.0, 8.9, 9.1, Domination("net/none", 1.8, 0.1), "slow")
    page = render(made_up(good, beaten))
    assert "1.80 times as slow as net/none, and 10.0 points worse" in page
    assert "<td>slow</td>" in page
    assert "1 of 2 variants are dominated" in page


def test_names_are_text_never_markup():
    evil = Candidate("<script>alert(1)</script>", 4.0, 0.9, "cpu:1", 5.0, 4.9, 5.1)
    page = render(made_up(evil, name="<b>x", origin="<img src=x>"))
    reader = read(page)
    assert "script" not in reader.tags
    assert "b" not in reader.tags
    assert "&lt;script&gt;alert(1)" in page


def test_numbers_stand_to_the_right():
    text = table(("a",), [["5.54 ◀"], ["0.18 to 0.46"], ["91.2 %"], ["cpu:2"], [""]])
    assert text.count('class="number"') == 3


def test_an_empty_content_is_a_page():
    read(render(made_up()))


def test_other_folders_and_files_are_refused(tmp_path, bundle_folder):
    with pytest.raises(UsageError, match="neither a bundle"):
        read_content(tmp_path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_evaluation(tmp_path / "none.json")
    for text in ("{", "[]", "{}", '{"policies": {"a": {}}}', json.dumps({"policies": {}, "summary": {}})):
        (tmp_path / "e.json").write_text(text, encoding="utf-8")
        with pytest.raises(UsageError, match="is not what compsel evaluate --json writes"):
            read_evaluation(tmp_path / "e.json")
    (tmp_path / "e.json").write_text(json.dumps(EVALUATION), encoding="utf-8")
    assert read_evaluation(tmp_path / "e.json") == EVALUATION


def test_a_changed_bundle_has_no_report(bundle_folder, tmp_path):
    import shutil

    copy = shutil.copytree(bundle_folder, tmp_path / "bundle")
    (copy / "bundle.json").write_text("{}", encoding="utf-8")
    with pytest.raises((IntegrityError, BundleError)):
        write_report(copy, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()
