"""The page in a browser: all figures drawn, no error, no network, nothing wider than the screen, tables that sort."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import holdfast
from holdfast.report.content import document, with_trials
from holdfast.report.page import page_html
from holdfast.study.book import Book

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
    from tests.report import studies
else:
    import studies

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
OPTIONS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
DRAWN = "document.documentElement.dataset.figures === 'drawn'"
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
"""

Open = Callable[..., "Page"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=found, args=OPTIONS.split())
        yield started
        started.close()


def write(book: Book, folder: Path) -> Path:
    path = folder / "report.html"
    path.write_text(page_html(with_trials(document(book), book.state), book.head), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def metered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(studies.metered_study().book, tmp_path_factory.mktemp("metered"))


@pytest.fixture
def see(browser: Browser) -> Iterator[Open]:
    """Open a page, wait until it is drawn, and fail on anything it complains about or asks for."""
    contexts: list[Any] = []
    complaints: list[str] = []

    def run(path: Path, width: int = 1280, **options: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.add_init_script(WATCH)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: None if request.url == path.as_uri() else complaints.append(request.url))
        page.goto(path.as_uri())
        if options.get("java_script_enabled", True):
            page.wait_for_function(DRAWN, timeout=60_000)
            assert page.evaluate("window.violations") == []
        return page

    yield run
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.mark.parametrize("width", [390, 1280])
def test_every_figure_is_drawn_within_the_page(see: Open, metered: Path, width: int) -> None:
    page = see(metered, width)
    boxes = page.locator("[data-spec]")
    assert boxes.count() > 12
    sizes = page.evaluate(
        """[...document.querySelectorAll('[data-spec]')].map((box) => {
            const drawn = box.querySelector('svg')?.getBoundingClientRect() ?? {width: 0, height: 0};
            return [box.getBoundingClientRect().width, drawn.width, drawn.height];
        })"""
    )
    assert all(0.6 * box < drawn <= box + 1 and height > 60 for box, drawn, height in sizes), sizes
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_figures_follow_the_window(see: Open, metered: Path) -> None:
    page = see(metered, 1280)
    page.set_viewport_size({"width": 390, "height": 800})
    page.wait_for_function("document.querySelector('.drawing svg').getBoundingClientRect().width < 390")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_table_is_sorted_by_mouse_and_keyboard(see: Open, metered: Path) -> None:
    page = see(metered)
    table = page.locator("table.long")
    scores = "[...document.querySelectorAll('table.long tbody tr')].map((row) => row.cells[2].textContent)"
    header = table.locator("th", has_text="accuracy")
    header.locator("button").click()
    numbers = [float(text) for text in page.evaluate(scores) if text]
    assert len(numbers) > 20
    assert numbers == sorted(numbers)
    assert header.get_attribute("aria-sort") == "ascending"
    assert page.evaluate(scores)[-1] == ""  # the failed ones have no score, and stand last
    header.locator("button").press("Enter")
    numbers = [float(text) for text in page.evaluate(scores) if text]
    assert numbers == sorted(numbers, reverse=True)
    assert page.evaluate(scores)[-1] == ""
    assert header.get_attribute("aria-sort") == "descending"
    table.locator("th", has_text="state").locator("button").press("Space")
    assert header.get_attribute("aria-sort") == "none"


def test_dark_paper_has_other_colours_and_print_is_light(see: Open, metered: Path) -> None:
    fill = "getComputedStyle(document.querySelector('.drawing [fill=\"#0072b2\"]')).fill"
    paper = "getComputedStyle(document.body).backgroundColor"
    page = see(metered, color_scheme="light")
    light = page.evaluate(fill), page.evaluate(paper)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(fill) != light[0]
    assert page.evaluate(paper) != light[1]
    page.emulate_media(color_scheme="dark", media="print")
    assert (page.evaluate(fill), page.evaluate(paper)) == light


def test_without_scripts_the_page_says_so_and_tells_what_the_figures_show(see: Open, metered: Path) -> None:
    page = see(metered, java_script_enabled=False)
    text = page.inner_text("body")
    assert "Scripts are off" in text
    assert "Optimisation history of 30 trials" in text
    assert page.locator("table.long tbody tr").count() == 30


def test_a_point_says_what_it_is_as_plain_text(see: Open, metered: Path) -> None:
    page = see(metered)
    box = page.locator('[data-spec="spec-history"]')
    box.scroll_into_view_if_needed()
    box.locator("g.mark-symbol path").first.hover(force=True)
    page.wait_for_selector(".tip:not([hidden])")
    assert "trial: 0" in page.inner_text(".tip")


def test_nothing_that_a_user_wrote_is_run(see: Open, tmp_path: Path) -> None:
    evil = "</script><script>window.caught = 1</script><img src=x onerror='window.caught=1'>"
    space = holdfast.Space({evil: holdfast.Categorical([evil, "a.b[0]"]), "datum['x']\\": holdfast.Float(0, 1)})
    study = holdfast.Study(space, strategy="random", direction={evil: "minimize"}, name="evil")
    for i in range(12):
        trial = study.ask()
        study.tell(trial, i / 12) if i != 3 else study.tell(trial, state="failed", error=evil)
    page = see(write(study.book, tmp_path), 390)
    assert page.evaluate("window.caught") is None
    assert page.locator("img").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.long
def test_five_hundred_trials_open_soon_and_weigh_little(see: Open, tmp_path: Path) -> None:
    path = write(studies.metered_study(500).book, tmp_path)
    assert path.stat().st_size < 3_000_000
    started = time.monotonic()
    page = see(path)
    assert time.monotonic() - started < 20  # two seconds on a machine that does nothing else
    assert page.locator("table.long tbody tr").count() == 500


def test_print_repeats_the_header_of_a_long_table(see: Open, metered: Path) -> None:
    page = see(metered)
    page.emulate_media(media="print")
    styles = "['thead', 'th button'].map((name) => getComputedStyle(document.querySelector(`table.long ${name}`)))"
    assert page.evaluate(f"{styles}.map((style) => [style.breakInside, style.display])") == [
        ["avoid", "table-header-group"],
        ["auto", "contents"],  # a box of its own would keep the header on the first page
    ]
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
