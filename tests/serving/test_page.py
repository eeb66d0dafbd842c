"""The page in a browser: drop a picture, type a text, give tensors, see the answer; nothing in it shuts anybody out."""

import base64
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn

from compsel.runtime import Runtime
from compsel.serving.answering import Answering, original_of
from compsel.serving.app import create_app
from compsel.serving.server import listen, url_of

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install '.[test]'")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium"),
    # what drives the browser runs an event loop of its own, and leaves it to be collected
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update"]
PHONE = {"width": 390, "height": 844}
# to look at: COMPSEL_SCREENSHOTS=FOLDER pytest -m browser
PICTURES = os.environ.get("COMPSEL_SCREENSHOTS")

Open = Callable[..., "sync_api.Page"]
Serve = Callable[..., str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve a runtime, with what it holds to compare with unless told otherwise; return the address."""
    running = []

    def start(runtime: Runtime, answering: Answering | None = None) -> str:
        listening = listen("127.0.0.1", 0)
        app = create_app(answering or Answering(runtime, original_of(runtime, None)), "bundle")
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none"))
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        running.append((listening, server, thread))
        return url_of(listening)

    yield start
    for listening, server, thread in running:
        server.should_exit = True
        thread.join()
        listening.close()


@pytest.fixture(scope="module")
def browser() -> Iterator["sync_api.Browser"]:
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def opened(serve: Serve, browser: "sync_api.Browser") -> Iterator[Open]:
    """Open a page, which is closed before its server; nothing may have failed in it, or been asked for elsewhere."""
    contexts, complaints, expected = [], [], []

    def foreign(asked: str, own: str) -> None:
        if not asked.startswith((own, "blob:")):
            complaints.append(asked)

    def open_page(url: str, refused: int = 0, **options: object) -> "sync_api.Page":
        expected.append(refused)
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: foreign(request.url, url))
        page.goto(url)
        page.wait_for_selector("#device dt")
        return page

    yield open_page
    for context in contexts:
        context.close()
    # a browser complains of every response that is an error
    assert len(complaints) == sum(expected), complaints


def check_access(page: "sync_api.Page", name: str) -> None:
    """Find nothing with axe-core, and no sideways scrolling."""
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)
    found = axe.Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


LOOKS = {
    "desktop": {"viewport": {"width": 1280, "height": 900}},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": PHONE, "has_touch": True},
    "phone-dark": {"viewport": PHONE, "color_scheme": "dark"},
}


@pytest.mark.parametrize("look", LOOKS)
def test_an_image_is_answered(  #
    serve: Serve, opened: Open, runtime: Runtime, photograph_files: dict[str, Path], look: str
) -> None:
    url = serve(runtime)
    page = opened(url, **LOOKS[look])
    check_access(page, f"image-{look}-before")
    for name in ("coffee", "chelsea"):
        page.set_input_files("#file", photograph_files[name])
        sync_api.expect(page.locator("#history li").first).to_contain_text(name)
    verdict = page.inner_text("#verdict")
    assert "the uncompressed model" in verdict
    assert page.locator("#sides > div").count() == 2
    assert page.locator("#way li").count() >= 1
    assert "sure to be right" in page.inner_text("#way")
    assert "decode" in page.inner_text("#times")
    assert page.locator("#history li").count() == 2
    assert page.locator("#history img").count() == 2
    check_access(page, f"image-{look}")


DROP = """([data, zone]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], "cat.jpg", { type: "image/jpeg" }));
  const target = document.querySelector(zone);
  if (zone === "body") target.dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true }));
  else target.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
}"""


def test_images_are_dropped_pasted_and_asked_again(serve: Serve, opened: Open, runtime: Runtime, jpeg: bytes) -> None:
    url = serve(runtime)
    page = opened(url)
    page.evaluate(DROP, [base64.b64encode(jpeg).decode(), "#drop"])
    page.wait_for_selector("#history li")
    page.evaluate(DROP, [base64.b64encode(jpeg).decode(), "body"])
    sync_api.expect(page.locator("#history li")).to_have_count(2)
    page.fill("#deadline", "0.5")
    page.uncheck("#compare")
    page.click("#ask")
    sync_api.expect(page.locator("#history li")).to_have_count(3)
    assert "deadline_ms" in page.inner_text("#verdict")
    assert page.locator("#sides > div").count() == 1


def test_what_is_no_image_is_said(serve: Serve, opened: Open, runtime: Runtime, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    url = serve(runtime)
    page = opened(url, refused=1)
    page.set_input_files("#file", tmp_path / "notes.txt")
    page.wait_for_selector("#error:visible")
    assert "not an image" in page.inner_text("#error")
    check_access(page, "error")


def test_a_text_is_answered_by_keyboard_alone(serve: Serve, opened: Open, text_runtime: Runtime) -> None:
    url = serve(text_runtime)
    page = opened(url)
    for _ in range(10):
        if page.evaluate("document.activeElement.id") == "text":
            break
        page.keyboard.press("Tab")
    page.keyboard.type("<b>play</b> my song")
    page.keyboard.press("Enter")
    page.wait_for_selector("#history li")
    assert page.inner_text("#verdict").startswith("music in ")
    assert "<b>play</b> my song" in page.inner_text("#history")  # shown, not obeyed
    check_access(page, "text")


def test_tensors_are_answered(serve: Serve, opened: Open, tensor_runtime: Runtime) -> None:
    url = serve(tensor_runtime)
    page = opened(url)
    page.fill("#tensors", '{"tokens": [[1, 2, 3]], "mask": [[1, 1, 1]]}')
    page.click("#ask")
    page.wait_for_selector("#history li")
    assert "float32 [1" in page.inner_text("#sides")
    page.fill("#tensors", "{")
    page.click("#ask")
    assert "not JSON" in page.inner_text("#error")
    check_access(page, "tensors")


def test_nothing_to_compare_with_is_said(serve: Serve, opened: Open, text_runtime: Runtime) -> None:
    url = serve(text_runtime, Answering(text_runtime))
    page = opened(url)
    assert page.is_disabled("#compare")
    assert "--compare MODEL.onnx" in page.inner_text("#compare-note")
    check_access(page, "no-comparison")


def test_the_device_is_live(serve: Serve, opened: Open, text_runtime: Runtime) -> None:
    url = serve(text_runtime)
    page = opened(url)
    first = page.locator("#load-curve path").first.get_attribute("d")
    sync_api.expect(page.locator("#load-curve path").first).not_to_have_attribute("d", first)
    assert "of" in page.inner_text("#device")
    assert "on cpu:1" in page.inner_text("#plan")
