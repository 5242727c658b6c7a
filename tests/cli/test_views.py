"""The views of show: timelines, pages and pictures, questions, state, and its exit code."""

import itertools
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from datetime import datetime
from html.parser import HTMLParser
from typing import Any

import jsonschema
import pytest

from lgrun.cli.published import SCHEMAS
from lgrun.cli.render.bars import timeline_lines
from lgrun.cli.render.context import columns_of
from lgrun.cli.render.html import html_page
from lgrun.cli.render.svg import svg
from lgrun.cli.render.thread import ThreadView
from lgrun.cli.spans import Timeline, spans
from lgrun.cli.timeline import Row

from .conftest import Result, World
from .screen import screen
from .sources import FAIL_ONCE, HEAD, HELLO, REVIEW

Check = Callable[[Result, int, Sequence[str]], None]

EVIL = "</pre><script>alert('x')</script><img src=http://example.com/x> \x1b[2J\ufffe &amp; 日本"

HOSTILE = (
    HEAD
    + f"""
EVIL = {EVIL!r}

@task(name=EVIL)
def bad() -> dict:
    return {{EVIL: EVIL * 5}}

@entrypoint()
def hostile(input: dict):
    bad().result()
    interrupt({{"question": EVIL, "options": ["yes", EVIL], "draft": EVIL + "\\n" + EVIL}})
    raise ValueError(EVIL)
"""
)


def at(second: float) -> str:
    return datetime.fromtimestamp(1_700_000_000 + second).astimezone().isoformat()


def made(kind: str, second: float, **fields: Any) -> Row:
    return Row(run=1, at=at(second), kind=kind, checkpoint=1, **fields)


NOW = datetime.fromtimestamp(1_700_000_000 + 90_020).astimezone()


def numbered(*rows: Row) -> list[Row]:
    for n, row in enumerate(rows, 1):
        row.n = n
    return list(rows)


def lived() -> list[Row]:
    """Return a run: two tasks side by side, a day's wait, a failure, and a second try after a killed run."""
    return numbered(
        made("input", 0),
        made("task", 10, name="left", status="done", ms=10_000, attempt=1, path=((0, 0),)),
        made("task", 8, name="right", status="done", ms=4_000, attempt=3, path=((0, 1),)),
        made("ask", 10, q=1, id="i1", name="run"),
        made("answer", 86_410, id="i1", q=1),
        made("task", 86_420, name="send", status="failed", ms=10_000, error=("ValueError", "no"), path=((0, 2),)),
        made("error", 86_420),
        made("continue", 90_000),
        made("task", 90_000, name="send", status="running", path=((0, 2),)),
        made("task", 90_005, name="note", status="done", ms=1_000, path=((0, 3),), cached=True),
        made("continue", 90_010),
        made("task", 90_020, name="send", status="done", ms=10_000, path=((0, 2),)),
    )


def test_bars() -> None:
    """Tasks side by side overlap, a wait of a day does not hide them, and every try is a part of its task's bar."""
    found = spans(lived(), "done", NOW)
    lines = list(timeline_lines(found, 80))

    assert [bar.name for bar in found.bars] == ["left", "right", "q1 null", "send", "note"]
    assert [(part.status, part.end - part.start) for part in found.bars[3].parts] == [
        ("failed", 10),
        ("unfinished", 5),
        ("done", 10),
    ]
    left, right, asked, send, note = (_cells(line) for line in lines[:5])
    assert len(left) > len(right) > 0
    assert right < left
    assert len(asked & left) <= 1
    assert max(left) <= min(asked) < max(asked) <= min(send)
    assert note < set(range(min(send), max(send)))
    assert len(asked) < len(left) + len(send)
    assert re.search(r"▚+ +▒+ +█+", lines[3])
    assert [line.split("  ")[-1].strip() for line in lines[:5]] == [
        "10.0s",
        "4.0s (attempt 3)",
        "24h00m",
        "25.0s (attempt 3)",
        "1.0s (cached)",
    ]
    assert lines[5:] == ["(where nothing ran, time is drawn shorter)"]
    assert {columns_of(line.rstrip()) <= 80 for line in lines} == {True}


def _cells(line: str) -> set[int]:
    return {n for n, letter in enumerate(line) if letter in "█▚▒░"}


@pytest.mark.parametrize("width", [20, 30, 40, 80, 200])
def test_bars_fit_the_screen(width: int) -> None:
    """Every line fits, whatever the width, also where names are wide and long; every bar has at least one cell."""
    rows = lived()
    for row in rows[1:3]:
        row.name = "日本語" * 20
    lines = list(timeline_lines(spans(rows, "done", NOW), width))

    assert max(columns_of(line) for line in lines) <= width
    assert sum(bool(_cells(line)) for line in lines) == 5


@pytest.mark.parametrize(
    ("status", "part", "seconds"),
    [("running", "running", 90_015), ("crashed", "unfinished", 5), ("stopped", "unfinished", 5)],
)
def test_an_unfinished_task(status: str, part: str, seconds: int) -> None:
    """What still runs ends now; what was killed ends with the last thing known of its run."""
    rows = numbered(made("task", 5, name="a", status="running", path=((0, 0),)), made("stop", 10))
    bar = spans(rows, status, NOW).bars[0]

    assert (bar.status, bar.seconds) == (part, seconds)


@pytest.mark.parametrize(("status", "seconds"), [("waiting", 90_010), ("failed", 10)])
def test_an_open_question(status: str, seconds: int) -> None:
    """A question waits until now, or until the run ended."""
    rows = numbered(made("ask", 10, q=1, id="i1"), made("error", 20))

    assert spans(rows, status, NOW).bars[0].seconds == seconds


def test_nothing_to_draw() -> None:
    """No tasks, tasks that took no time, a clock that went back: nothing is divided by zero."""
    assert list(timeline_lines(spans([], "done", NOW), 80)) == []
    rows = numbered(*(made("task", 5, name=name, status="done", ms=0, path=((0, 0),)) for name in "ab"))
    assert [_cells(line) for line in timeline_lines(spans(rows, "done", NOW), 80)] == [{5}, {5}]
    back = numbered(made("ask", 10, q=1, id="i"), made("answer", 5, id="i"))
    assert spans(back, "done", NOW).bars[0].seconds == 0


@pytest.fixture
def threads(lgrun: World) -> World:
    """Return a folder with one thread that waits, one that failed, one that is done, and one full of mischief."""
    for name, text in (("review", REVIEW), ("flaky", FAIL_ONCE), ("hello", HELLO), ("hostile", HOSTILE)):
        lgrun.write(f"{name}.py", text)
    lgrun("invoke", "review.py", "topic=cats", "-t", "waits")
    lgrun("resume", "waits", "q1=yes")
    lgrun("invoke", "flaky.py", "-t", "failed")
    lgrun("invoke", "hello.py", "Ann", "-t", "done")
    lgrun("invoke", "hostile.py", "-t", "hostile")
    return lgrun


def test_timeline_of_a_thread(threads: World) -> None:
    """In a pipe the bars are plain text, with --json a document with their times."""
    text = threads("show", "waits", "--timeline").stdout.splitlines()

    assert re.fullmatch(r"waits  waiting  run 1, \S+ from \d\d:\d\d:\d\d", text[0])
    assert [line.split()[:2] for line in text[1:4]] == [["✓", 'draft("cats")'], ["?", "q1"], ["?", "q2"]]
    assert all(_cells(line) for line in text[1:4])
    document = threads("show", "waits", "--timeline", "--json").json
    jsonschema.validate(document, SCHEMAS["timeline"])
    assert [(bar["name"], bar["status"]) for bar in document["bars"]] == [
        ("draft", "done"),
        ("q1 ok?", "waited"),
        ("q2 your name?", "waiting"),
    ]
    assert threads("show", "waits/draft", "--timeline").code == 2


def test_timeline_on_a_terminal(threads: World) -> None:
    """It fits a narrow screen; only symbols are coloured, and names control nothing."""
    for columns in (20, 80):
        with screen(threads, "show", "hostile", "--timeline", "--no-pager", columns=columns) as terminal:
            assert terminal.end() == 0
        assert terminal.strange() == set()
        assert "\x1b[32m✓\x1b[0m </p" in terminal.raw
    with screen(threads, "show", "waits", "--timeline", "--no-pager", columns=20) as narrow:
        assert narrow.end() == 0
    assert "✓ draft" in narrow.text()
    assert sum(bool(_cells(line)) for line in narrow.lines()) == 3


@pytest.mark.parametrize(("thread", "code"), [("done", 0), ("failed", 1), ("waits", 3)])
def test_exit_code(threads: World, thread: str, code: int) -> None:
    """With -e the exit code is how the thread stands, whatever is shown of it."""
    for view in ([], ["--json"], ["--questions"], ["--timeline"], ["--html", "page.html"]):
        assert threads("show", thread, "-e", *view).code == code
        assert threads("show", thread, *view).code == 0


def test_questions(threads: World) -> None:
    """--questions has those that were answered and those that wait, with what to type."""
    assert [
        re.sub(r"by \S+, ", "by me, ", line) for line in threads("show", "waits", "--questions").stdout.splitlines()
    ] == [
        "q1  ok?  [yes/no]",
        '  answer  "yes"   (by me, resume)',
        "q2  your name?",
        "  lgrun resume waits --value VALUE",
    ]
    rows = threads("show", "waits", "--questions", "--json").json
    assert [row["q"] for row in rows] == ["q1", "q2"]
    assert [row["answer"] and row["answer"]["value"] for row in rows] == ["yes", None]
    for row in rows:
        jsonschema.validate(row, SCHEMAS["row"])
    nothing = threads("show", "done", "--questions")
    assert (nothing.code, nothing.stdout, nothing.stderr) == (0, "", "done has asked nothing\n")


def test_state(threads: World, assert_one_message: Check) -> None:
    """--state is the whole state of a graph, and of a function what its next run gets as previous."""
    threads.write(
        "plan.py",
        "from typing import TypedDict\nfrom lgrun.graph import START, StateGraph\n"
        "class State(TypedDict, total=False):\n    topic: str\n    secret: int\n"
        "class Out(TypedDict):\n    topic: str\n"
        "def say(state):\n    return {'secret': 7}\n"
        "graph = StateGraph(State, output_schema=Out).add_node(say).add_edge(START, 'say').compile()\n",
    )
    threads.write(
        "kept.py",
        "from lgrun.func import entrypoint\nfrom lgrun.types import interrupt\n"
        "@entrypoint()\ndef kept(n, *, previous=None):\n"
        "    if n == 2: interrupt('ok?')\n    return entrypoint.final(value=n, save={'seen': n})\n",
    )
    threads("invoke", "plan.py", "topic=cats", "-t", "graph")
    threads("invoke", "kept.py", "-i", "1", "-t", "kept")

    assert threads("show", "graph", "--state").json == {"topic": "cats", "secret": 7}
    assert threads("show", "graph", "--result").json == {"topic": "cats"}
    assert threads("show", "kept", "--state").json == {"seen": 1}
    threads("invoke", "kept.py", "-i", "2", "-t", "kept")
    assert threads("show", "kept", "--state").json == {"seen": 1}
    assert_one_message(threads("show", "failed", "--state"), 4, ["failed holds nothing yet"])


def test_one_view_at_a_time(threads: World, assert_one_message: Check) -> None:
    """Two views are refused; --code is another name of --source."""
    assert_one_message(threads("show", "done", "--result", "--timeline"), 2, ["only one thing"])
    assert_one_message(threads("show", "done", "--graph", "--html", "x.html"), 2, ["only one thing"])
    assert_one_message(threads("show", "done", "--html", "-", "--svg", "-"), 2, ["can be -"])
    assert threads("show", "done", "--code").stdout == threads("show", "done", "--source").stdout == HELLO


# --- pages


class Page(HTMLParser):
    """Reads a page strictly: every element is closed in order."""

    VOID = frozenset({"meta", "link", "br"})

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in set(self.open):
            self.texts.setdefault(tag, []).append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def text(self, tag: str) -> str:
        return "".join(self.texts.get(tag, ()))


ELEMENTS = frozenset(
    "html head meta link title style body header h1 h2 h3 p main dl dt dd section pre code details summary figure "
    "figcaption div svg text line rect table caption thead tbody tr th td footer".split()
)


def check_page(text: str) -> Page:
    """Check what holds for every page: structure, names for those who cannot see it, nothing from elsewhere."""
    page = Page(text)
    names = [tag for tag, _ in page.tags]

    assert text.startswith("<!DOCTYPE html>")
    assert set(names) <= ELEMENTS | {"title"}
    assert page.named("html") == [{"lang": "en"}]
    assert [names.count(tag) for tag in ("main", "h1", "header", "footer")] == [1, 1, 1, 1]
    assert page.text("title")
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.named("meta")
    assert "prefers-color-scheme: dark" in page.text("style")
    levels = [int(name[1]) for name in names if re.fullmatch("h[1-6]", name)]
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(set(ids)) == len(ids)
    assert {a["aria-labelledby"] for _, a in page.tags if "aria-labelledby" in a} <= set(ids)
    assert not [a for _, a in page.tags for key in a if key.startswith("on") or key in ("src", "style", "xlink:href")]
    assert [a["href"] for _, a in page.tags if "href" in a] == ["data:,"]
    assert not re.search(r"url\(|@import", page.text("style"))
    assert {a["scope"] for a in page.named("th")} <= {"col", "row"}
    assert names.count("caption") == names.count("table")
    assert all(a.get("aria-label") for _, a in page.tags if a.get("role") == "img")
    return page


@pytest.mark.parametrize("thread", ["waits", "failed", "done", "hostile"])
def test_a_page(threads: World, thread: str) -> None:
    """The page has how the thread stands, what to type, its tasks and how it ended, and is accessible."""
    result = threads("show", thread, "--html", "page.html")
    text = (threads.folder / "page.html").read_text()
    page = check_page(text)
    document = threads("show", thread, "--json").json

    assert (result.code, result.stdout, result.stderr) == (0, "", "page.html is written\n")
    assert page.text("h1") == thread
    assert f" {document['status']}" in page.text("header")
    assert [a for a in page.tags if a[1].get("role") == "img"]
    assert len([a for a in page.named("th") if a["scope"] == "row"]) == len(document["tasks"])
    assert all(line in page.text("pre") for line in document["next"])
    if thread == "failed":
        assert "ValueError in second" in page.text("main")
        assert "flaky.py:16 in second" in page.text("details")
    if thread == "done":
        assert "hello Ann" in page.text("pre")
    if thread == "waits":
        assert page.text("h3") == "q2  your name?q1  ok?  [yes/no]"


def test_nothing_of_a_workflow_becomes_markup(threads: World) -> None:
    """Names, results, questions, options and errors are text, in the page and in the picture."""
    waiting = threads("show", "hostile", "--html", "-").stdout
    threads("resume", "hostile", "--value", "yes")
    failed = threads("show", "hostile", "--html", "-").stdout

    for text in (waiting, failed):
        check_page(text)
        assert "<script" not in text
        assert "<img" not in text
        assert "\x1b" not in text
        assert "\\x1b[2J" in text
        assert "&amp;amp; 日本" in text
    picture = threads("show", "hostile", "--svg", "-").stdout
    ET.fromstring(picture)
    assert "<script" not in picture


def test_a_picture(threads: World) -> None:
    """The picture is well-formed, says in words what it shows, and has a bar for each part."""
    result = threads("show", "waits", "--svg", "wait.svg", "--html", "wait.html")
    root = ET.parse(threads.folder / "wait.svg").getroot()
    space = "{http://www.w3.org/2000/svg}"

    assert result.stderr == "wait.html is written\nwait.svg is written\n"
    assert root.get("role") == "img"
    assert re.match(r"waits, run 1, waiting. Timeline: 1 task, 2 questions, ", root.get("aria-label") or "")
    assert [rect.get("class") for rect in root.iter(f"{space}rect")] == ["done", "waited", "waiting"]
    assert root.find(f"{space}title") is not None
    assert "prefers-color-scheme: dark" in "".join(root.itertext())


def test_files(threads: World, assert_one_message: Check) -> None:
    """A file that exists is overwritten; one that cannot be written is named."""
    (threads.folder / "page.html").write_text("old")
    threads("show", "done", "--html", "page.html", "-q")

    assert (threads.folder / "page.html").read_text().startswith("<!DOCTYPE html>")
    assert_one_message(threads("show", "done", "--html", "no/page.html"), 2, ["no/page.html cannot be written"])
    assert json.loads(threads("show", "done", "--html", "page.html", "--json").stdout)["thread"] == "done"


@pytest.mark.parametrize("letter", ["x", "&", "日", "\x1b"])
def test_many_tasks_make_a_small_page(letter: str) -> None:
    """300 tasks with large results, whatever is in them, are less than a megabyte."""
    from lgrun.checkpoint.base import Encoded

    value = Encoded(tree={"text": letter * 50_000})
    rows = [
        made("task", n, name=letter * 300, status="done", ms=500, path=((0, n),), value=value, attempt=1)
        for n in range(300)
    ]
    view = ThreadView(thread="many", status="done", rows=numbered(*rows), value=value)
    found: Timeline = spans(rows, "done", NOW)
    text = html_page(view, found, NOW, lambda step: f"lgrun show many/{step} --result")

    page = check_page(text)
    assert len(text.encode()) < 1_000_000
    assert len([a for a in page.named("th") if a["scope"] == "row"]) == 300
    assert "lgrun show many/300 --result" in page.text("details")
    ET.fromstring(svg(found, "many", alone=True))
