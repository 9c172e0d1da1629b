"""The page in a real Chromium: what a person does, and what they see."""
# ruff: noqa: ANN401  what clients, pages and JSON hold has no type here

import importlib.util
import json
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from polyhead.serving.app import Access, create_app
from polyhead.serving.server import Server

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
if CHROMIUM is None:
    pytest.skip("no Chromium is installed", allow_module_level=True)

ROOT = Path(__file__).parents[2]
STAND_IN = ROOT / "tests" / "stand_ins" / "keyword_server.py"
ARTEFACTS = ROOT / "build" / "browser"
WIDTHS = (1280, 390)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    specification = importlib.util.spec_from_file_location("keyword_server", STAND_IN)
    assert specification is not None
    assert specification.loader is not None
    stand_in = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(stand_in)
    folders = []
    for name, tilt in (("news", 0), ("other", 9)):
        folder = tmp_path_factory.mktemp("models") / name
        folder.mkdir()
        (folder / "polyhead.json").write_text(json.dumps({"tilt": tilt}))
        folders.append(str(folder))
    service = stand_in.make_service(folders)
    with socket.create_server(("127.0.0.1", 0)) as place:
        port = place.getsockname()[1]
    server = Server(create_app(service, Access()), service, host="127.0.0.1", port=port)
    thread = threading.Thread(target=server.serve_until_stopped)
    thread.start()
    while not service.ready:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        # Containers that run as root have no sandbox.
        running = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


Open = Callable[..., Any]


@pytest.fixture
def open_page(browser: Any, address: str) -> Iterator[Open]:
    """Open the page; at the end nothing may have failed, and nothing may have been asked of anyone else."""
    complaints: list[str] = []
    contexts: list[Any] = []

    def opened(path: str = "/", *, width: int = 1280, scheme: str = "light") -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on(
            "console", lambda message: complaints.append(message.text) if message.type in {"error", "warning"} else None
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda asked: None if _is_own(asked.url, address) else complaints.append(asked.url))
        page.goto(address + path)
        if path.startswith("/docs"):
            page.wait_for_selector("section")
        else:
            page.wait_for_selector("body[data-ready]")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def _is_own(url: str, address: str) -> bool:
    return url.startswith((address, "blob:", "data:"))


def ask(page: Any, text: str) -> None:
    page.fill("#text", text)
    with page.expect_response("**/predict"):
        page.click("#go")
    told(page, "tokens")


def told(page: Any, words: str) -> None:
    # The page's policy forbids what `wait_for_function` does with words.
    page.locator("#status", has_text=words).wait_for()


def marks(page: Any) -> list[list[str]]:
    """List what is highlighted, with the label and the characters before it."""
    return page.evaluate(
        """() => [...document.querySelectorAll('#result .text mark')].map((mark) => {
            const range = document.createRange();
            range.setStart(mark.parentNode, 0);
            range.setEndBefore(mark);
            return [mark.textContent, mark.dataset.label, range.toString()];
        })"""
    )


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Ada had soup in Paris.", [("Ada", "PERSON"), ("Paris", "LOC")]),
        ("🙂🙂 Ada 🙂 in Paris 🙂", [("Ada", "PERSON"), ("Paris", "LOC")]),
        ("👨‍👩‍👧 José in Oslo 🇫🇷 Milo", [("José", "PERSON"), ("Oslo", "LOC"), ("Milo", "PERSON")]),
        ("עם דנה, عمر في دبي .", [("דנה", "PERSON"), ("عمر", "PERSON"), ("دبي", "LOC")]),
    ],
    ids=["plain", "emoji", "joined emoji", "right to left"],
)
def test_entities_are_highlighted_at_the_right_characters(
    open_page: Open, text: str, wanted: list[tuple[str, str]]
) -> None:
    page = open_page()
    ask(page, text)
    found = marks(page)
    assert [(content, label) for content, label, _ in found] == wanted
    assert [before for _, _, before in found] == [text[: text.index(content)] for content, _ in wanted]
    assert page.text_content("#result .text") == text


def test_every_task_is_seen_at_once_with_its_bars_and_a_legend(open_page: Open) -> None:
    page = open_page()
    ask(page, "Ada had great soup in Paris and Oslo")
    assert page.locator("#result [data-task]").all_inner_texts()[0].startswith("topic")
    assert page.locator("[data-task=topic] tr.best th").inner_text() == "food"
    assert page.locator("[data-task=topic] meter").count() == 3
    assert "78.7 %" in page.locator("[data-task=topic] tr.best").inner_text()
    assert page.locator(".legend").all_inner_texts() == ["PERSON 1\nLOC 2"]
    assert "10 tokens" in page.inner_text("#status")


def test_tasks_are_chosen_and_answered_again(open_page: Open) -> None:
    page = open_page()
    ask(page, "Ada had soup")
    with page.expect_response("**/predict") as answered:
        page.uncheck("#tasks input[value=entities]")
    assert answered.value.request.post_data_json["tasks"] == ["topic", "mood"]
    page.wait_for_selector("[data-task=entities]", state="detached")
    assert page.locator("#result [data-task]").count() == 2


def test_another_model_answers_when_it_is_chosen(open_page: Open) -> None:
    page = open_page()
    ask(page, "soup")
    assert page.locator("[data-task=topic] tr.best th").inner_text() == "food"
    page.select_option("#model", "other")
    ask(page, "soup")
    assert page.locator("[data-task=topic] tr.best th").inner_text() == "sport"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", '{"text": "Ada, in \\"Paris\\"", "x": 1}\n\n{"text": "soup"}\n'),
        ("a.csv", '\ufeffid,text\r\n1,"Ada, in ""Paris"""\r\n2,soup\r\n'),
        ("a.tsv", 'text\tid\n"Ada, in ""Paris"""\t1\nsoup\t2'),
        ("a.txt", 'Ada, in "Paris"\nsoup'),
    ],
)
def test_a_file_becomes_a_table_of_answers_to_download(open_page: Open, name: str, content: str) -> None:
    page = open_page()
    page.set_input_files("#file", {"name": name, "mimeType": "text/plain", "buffer": content.encode()})
    page.wait_for_selector("#download:not([hidden])")
    assert page.inner_text("#file-status") == "2 of 2 texts answered."
    rows = [row.split("\t") for row in page.locator("#table tbody tr").all_inner_texts()]
    assert [row[1] for row in rows] == ['Ada, in "Paris"', "soup"]
    assert rows[0][4] == "Ada (PERSON), Paris (LOC)"
    with page.expect_download() as download:
        page.click("#download")
    lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["text"] for line in lines] == ['Ada, in "Paris"', "soup"]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.txt"])
def test_an_empty_file_is_told_in_words(open_page: Open, name: str) -> None:
    page = open_page()
    page.set_input_files("#file", {"name": name, "mimeType": "text/plain", "buffer": b"\n"})
    page.wait_for_selector("#file-status.bad")
    assert page.inner_text("#file-status") == f"{name}: it holds no texts."


@pytest.mark.parametrize("width", WIDTHS)
def test_a_table_of_answers_fits_its_place_and_stays_a_table(open_page: Open, width: int) -> None:
    page = open_page(width=width)
    texts = "Ada had soup in Paris and then went home again\n" + "word" * 40
    page.set_input_files("#file", {"name": "a.txt", "mimeType": "text/plain", "buffer": texts.encode()})
    page.wait_for_selector("#download:not([hidden])")
    assert page.evaluate(
        "(({scrollWidth, clientWidth}) => scrollWidth <= clientWidth)(document.querySelector('.scroll'))"
    )
    assert page.get_by_role("table").get_by_role("row").count() == 3
    assert page.get_by_role("row").nth(1).get_by_role("cell").count() == 5
    # Labels are not broken up: each stands on one line, with its certainty.
    assert page.locator("#table td[data-task=topic]").first.bounding_box()["height"] < 40
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=ARTEFACTS / f"table-{width}.png", full_page=True)


def test_a_file_can_be_dropped(open_page: Open) -> None:
    page = open_page()
    page.evaluate(
        """() => {
            const dropped = new DataTransfer();
            dropped.items.add(new File(['{"text": "soup"}'], 'x.jsonl'));
            const drop = new DragEvent('drop', {dataTransfer: dropped, bubbles: true});
            document.getElementById('text').dispatchEvent(drop);
        }"""
    )
    page.wait_for_selector("#download:not([hidden])")
    assert page.locator("#table tbody tr").count() == 1


def test_a_file_that_cannot_be_read_says_where(open_page: Open) -> None:
    page = open_page()
    broken = {"name": "x.jsonl", "mimeType": "text/plain", "buffer": b'{"text": "a"}\n{"txt": 1}'}
    page.set_input_files("#file", broken)
    page.wait_for_selector("#file-status.bad")
    assert page.inner_text("#file-status") == 'x.jsonl: Line 2 has no text in the field "text".'


def test_a_link_holds_the_text_and_the_tasks_and_never_sends_them(open_page: Open) -> None:
    page = open_page()
    page.fill("#text", "Ada & 🙂 #1 in Paris")
    page.uncheck("#tasks input[value=mood]")
    page.click("#share")
    link = page.url
    again = open_page(link[link.index("/#") :])
    again.wait_for_selector("#result mark")
    assert again.input_value("#text") == "Ada & 🙂 #1 in Paris"
    assert not again.is_checked("#tasks input[value=mood]")
    assert again.locator("#result [data-task]").count() == 2


def test_a_request_is_copied_as_curl_and_as_python_that_runs(open_page: Open) -> None:
    page = open_page()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.fill("#text", 'it\'s "soup" 🙂')
    page.click("#curl")
    told(page, "Copied as curl.")
    assert "-d '{\"texts\":[\"it'\\''s" in page.evaluate("navigator.clipboard.readText()")
    page.click("#python")
    told(page, "Copied as Python.")
    printed: list[Any] = []
    code = compile(page.evaluate("navigator.clipboard.readText()"), "copied", "exec")
    exec(code, {"print": printed.append})  # noqa: S102  what the page offers to paste
    assert printed[0]["answers"][0]["text"] == 'it\'s "soup" 🙂'


def test_the_nearest_of_the_last_texts_are_shown(open_page: Open) -> None:
    page = open_page()
    for text in ("goal goal match", "bread soup", "goal match"):
        ask(page, text)
    assert page.locator("#neighbours li").all_inner_texts() == ["goal goal match 0.95", "bread soup 0.00"]


def test_numbers_are_shown_on_their_scale(open_page: Open) -> None:
    page = open_page()
    found = page.evaluate(
        """async () => {
            const { shown } = await import('/page/show.js');
            const answer = {text: 'x', truncated: true, tasks: {score: {kind: 'regression', value: 3.25}}};
            const made = shown(answer, {score: {range: [1, 5]}});
            const meter = made.querySelector('meter');
            return [made.querySelector('.number').textContent, meter.min, meter.max, meter.value, made.textContent];
        }"""
    )
    assert found[:4] == ["3.25", 1, 5, 3.25]
    assert "its end was not read" in found[4]


def test_a_text_is_never_markup(open_page: Open) -> None:
    page = open_page()
    text = "<img src=x onerror=alert(1)> Ada <b>in</b> Paris"
    ask(page, text)
    assert page.text_content("#result .text") == text
    assert page.locator("#result img, #result b").count() == 0


def test_it_is_used_with_the_keyboard_alone(open_page: Open) -> None:
    page = open_page()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.focus("#text")
    page.keyboard.type("Ada in Oslo")
    with page.expect_response("**/predict"):
        page.keyboard.press("Control+Enter")
    page.wait_for_selector("#result mark")


def test_everything_that_can_be_used_has_a_name(open_page: Open) -> None:
    page = open_page()
    ask(page, "Ada had soup")
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('input, select, textarea, button, a, meter, progress, [role=region]')]
            .filter((one) => !(one.labels?.length || one.textContent.trim() || one.ariaLabel
                || one.getAttribute('aria-labelledby'))).map((one) => one.outerHTML)"""
    )
    assert nameless == []
    assert page.get_attribute("html", "lang") == "en"
    assert page.get_attribute("#status", "aria-live") == "polite"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_the_window_in_light_and_dark(open_page: Open, width: int, scheme: str) -> None:
    page = open_page(width=width, scheme=scheme)
    ask(page, "goal match")
    ask(page, "🙂 Ada had great soup in Paris, عمر in دبي. " + "a" * 120)
    rows = "".join(json.dumps({"text": f"Milo had bread in Oslo {number}"}) + "\n" for number in range(5))
    page.set_input_files("#file", {"name": "x.jsonl", "mimeType": "text/plain", "buffer": rows.encode()})
    page.wait_for_selector("#download:not([hidden])")
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=ARTEFACTS / f"page-{width}-{scheme}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert _contrast(page) >= 4.5


def _contrast(page: Any) -> float:
    """Return the least contrast of text with its own ground, by WCAG's formula."""
    return page.evaluate(
        """() => {
            const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
            const light = (colour) => parts(colour).slice(0, 3).map((v) => v / 255)
                .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
                .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
            const ground = (one) => {
                for (let at = one; at; at = at.parentElement) {
                    const colour = getComputedStyle(at).backgroundColor;
                    if (parts(colour).length < 4 || parts(colour)[3] > 0) return colour;
                }
                return 'rgb(255, 255, 255)';
            };
            return Math.min(...[...document.querySelectorAll('mark, p, h1, h2, h3, button, a, td, th, label, li')]
                .filter((one) => one.textContent.trim() && one.offsetParent)
                .map((one) => {
                    const [a, b] = [light(getComputedStyle(one).color), light(ground(one))].sort((x, y) => y - x);
                    return (a + 0.05) / (b + 0.05);
                }));
        }"""
    )


def test_the_routes_have_a_page_of_their_own(open_page: Open) -> None:
    page = open_page("/docs", width=390)
    assert "POST /models/other/predict" in page.locator("h2").all_inner_texts()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
