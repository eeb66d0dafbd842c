"""The page in a real browser: desktop and phone, light and dark, printed; by hand and by what a screen reader hears."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from compsel.evaluation.report.previews import previews
from compsel.evaluation.report.report import render
from tests.evaluation.report import made_up_page

pytestmark = pytest.mark.browser
CHROMIUM = shutil.which("chromium")
if CHROMIUM is None:
    pytest.skip("chromium is not installed: apt-get install chromium", allow_module_level=True)
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install '.[test]'")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDTHS = {"desktop": 1280, "phone": 390}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield opened
        opened.close()


@pytest.fixture(scope="module", params=["image", "text"])
def page_file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    modality = request.param
    evaluation = made_up_page.evaluation(modality=modality)
    shown = previews(made_up_page.Shown(modality, 60), evaluation["inputs"])
    path = tmp_path_factory.mktemp("page") / f"{modality}.html"
    path.write_text(render(made_up_page.content(modality, evaluation), shown), encoding="utf-8")
    return path


@pytest.fixture
def opened(browser: Any, page_file: Path) -> Iterator[Any]:
    """A function that opens the page; at the end nothing must have been complained about or fetched."""
    pages, said = [], []

    def open_page(size: str = "desktop", scheme: str = "light", **more: Any) -> Any:
        page = browser.new_page(viewport={"width": WIDTHS[size], "height": 800}, color_scheme=scheme, **more)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: said.append(request.url) if request.url.startswith("http") else None)
        page.goto(page_file.as_uri())
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert said == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", WIDTHS)
def test_axe_finds_nothing_and_the_page_fits(opened: Any, size: str, scheme: str) -> None:
    page = opened(size, scheme)
    page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    found = axe.Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTHS[size]
    assert page.evaluate("[...document.images].every((one) => one.complete && one.naturalWidth > 0)")


@pytest.mark.parametrize("size", WIDTHS)
def test_no_text_of_an_axis_stands_upon_another(opened: Any, size: str) -> None:
    page = opened(size)
    upon = """[...document.querySelectorAll('svg.chart')].flatMap((chart) => {
        const ticks = [...chart.querySelectorAll('text.tick')];
        const boxes = ticks.map((one) => [one.textContent, one.getBoundingClientRect()]);
        return boxes.flatMap(([name, a], place) => boxes.slice(place + 1)
            .filter(([, b]) => a.left < b.right && b.left < a.right && a.top + 4 < b.bottom && b.top + 4 < a.bottom)
            .map(([other]) => [name, other]));
    })"""
    assert page.evaluate("document.querySelectorAll('svg.chart text.tick').length") > 20
    assert page.evaluate(upon) == []


def test_dark_is_dark(opened: Any) -> None:
    colours = [
        opened(scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    ]
    light, dark = (sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in colours)
    assert dark < 150 < 600 < light


def test_a_point_tells_its_figures_to_mouse_and_keyboard(opened: Any) -> None:
    page = opened()
    page.locator(".point.kind-oracle").hover()
    assert "oracle" in page.locator("#tip").inner_text() and "2.10 ms" in page.locator("#tip").inner_text()
    page.locator("#trade-off .point[tabindex='0']").focus()
    first = page.locator("#tip").inner_text()
    page.keyboard.press("ArrowRight")
    assert page.locator("#tip").inner_text() != first
    assert page.evaluate("document.activeElement.getAttribute('aria-label')")


def test_states_filters_and_zoom_change_the_picture(opened: Any) -> None:
    page = opened()
    points = page.locator("#trade-off .point")
    assert page.locator("#view-note").inner_text().startswith("Measured end to end on 60")
    page.get_by_text("2 busy neighbours", exact=True).first.click()
    assert "beside 2 busy neighbours" in page.locator("#view-note").inner_text()
    page.get_by_role("button", name="show the whole picture").click()
    whole = points.count()
    page.get_by_label("technique").select_option("int8-static")
    assert 0 < points.count() < whole
    page.get_by_label("technique").select_option("")
    ticks = page.locator("#trade-off").inner_html()
    page.get_by_role("button", name="zoom in").click()
    assert page.locator("#trade-off").inner_html() != ticks
    page.get_by_role("button", name="show the whole picture").click()
    assert points.count() == whole


def test_a_rectangle_becomes_the_picture(opened: Any) -> None:
    page = opened()
    whole = page.locator("#trade-off .point").count()
    page.locator("#trade-off").scroll_into_view_if_needed()
    box = page.locator("#trade-off .point.kind-adaptive").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 40, y - 30)
    page.mouse.down()
    page.mouse.move(x + 40, y + 30, steps=3)
    page.mouse.up()
    assert 0 < page.locator("#trade-off .point").count() < whole
    assert page.locator("#trade-off .point.kind-adaptive").count() == 1


def test_what_is_far_below_is_out_of_the_picture_until_it_is_asked_for(opened: Any) -> None:
    page = opened()
    assert page.locator("#outside").inner_text().startswith("1 of 8 points")
    page.get_by_role("button", name="show the whole picture").click()
    assert page.locator("#outside").inner_text() == ""
    assert page.locator("#trade-off .point").count() == 8


def test_tables_are_downloaded_as_they_are(opened: Any) -> None:
    page = opened()
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("inputs.csv")).click()
    lines = Path(download.value.path()).read_text(encoding="utf-8-sig").splitlines()
    assert lines[0] == "name,way,right,latency_ms,confidence,answered,wanted"
    assert len(lines) == 61
    assert lines[1] == "input 0,net/int8-static > net/none,0,2,0.5,cat,dog"


def test_without_the_script_the_page_says_the_same(opened: Any) -> None:
    page = opened(java_script_enabled=False)
    assert page.locator("#trade-off .point").count() == 8
    assert "2.00 times as fast" in page.locator(".verdict").inner_text()


def test_printed_it_shows_what_was_folded_and_no_controls(opened: Any) -> None:
    page = opened()
    page.emulate_media(media="print")
    assert not page.locator("#filters").is_visible()
    assert not page.locator("#downloads").is_visible()
    assert page.get_by_text("a variant on a processor").is_visible()
    assert page.pdf(format="A4")[:5] == b"%PDF-"
