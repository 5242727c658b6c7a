"""workflows/linkcheck.py on files and a small server: which links it finds, which are broken, what it asks twice."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from lgrun.checkpoint.file import FileSaver

WORKFLOW = Path(__file__).parents[2] / "workflows" / "linkcheck.py"
THREAD = {"configurable": {"thread_id": "links"}}


class Site(ThreadingHTTPServer):
    """A web site.

    Attributes:
        replies: status codes of a path, one for each request, the last one for all others; 200 where none is given.
        requests: what was asked for, as `HEAD /path`.
        most: how many requests were there at the same time.
        gate: what each request passes before it is answered.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies: dict[str, list[int]] = {}
        self.requests: list[str] = []
        self.gate: Callable[[], Any] = lambda: None
        self.lock = threading.Lock()
        self.now = self.most = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def do_HEAD(self) -> None:
        site = self.server
        with site.lock:
            site.requests.append(f"{self.command} {self.path}")
            site.now += 1
            site.most = max(site.most, site.now)
            codes = site.replies.get(self.path, [200])
            code = codes.pop(0) if len(codes) > 1 else codes[0]
        site.gate()
        with site.lock:
            site.now -= 1
        self.send_response(code)
        if code == 301:
            self.send_header("Location", self.path.replace("moved", "page"))
        self.end_headers()

    do_GET = do_HEAD

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep out the tester's proxies; wait for nothing between two attempts; work in the test's folder."""
    for name in list(os.environ):
        if name.startswith("LGRUN_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)


@pytest.fixture
def site() -> Iterator[Site]:
    """A web site on which every page exists."""
    with Site() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def linkcheck(tmp_path: Path) -> Any:
    """The workflow, its state in a directory."""
    spec = spec_from_file_location("linkcheck", WORKFLOW)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    module.linkcheck.checkpointer = FileSaver(tmp_path / "state")
    return module.linkcheck


@pytest.fixture
def check(linkcheck: Any) -> Callable[..., Any]:
    """Return how to check a README.md of the given text."""

    def run(text: str, **options: Any) -> Any:
        Path("README.md").write_text(text)
        return linkcheck.invoke({"path": "README.md", **options}, THREAD)

    return run


def reasons(result: dict[str, Any]) -> dict[str, str]:
    """Return the broken links and why they are."""
    return {link["url"]: link["reason"] for link in result["broken"]}


# --- which links there are


@pytest.mark.parametrize(
    ("text", "url"),
    [
        pytest.param("see [text](gone.md) here", "gone.md", id="link"),
        pytest.param('[text](gone.md "a title")', "gone.md", id="title"),
        pytest.param("[text](<a gone.md>)", "a gone.md", id="angle brackets"),
        pytest.param("![alt](gone.png)", "gone.png", id="image"),
        pytest.param("[![alt](README.md)](gone.md)", "gone.md", id="image in a link"),
        pytest.param("[text](gone_(1).md)", "gone_(1).md", id="parentheses"),
        pytest.param("[text](it's-gone.md)", "it's-gone.md", id="apostrophe"),
        pytest.param("[text][1]\n\n[1]: gone.md", "gone.md", id="definition"),
        pytest.param('<a href="gone.md">text</a>', "gone.md", id="HTML"),
        pytest.param("<https://[bad/>", None, id="no link"),
        pytest.param("`[text](gone.md)` and ``a ` [text](gone.md)``", None, id="code"),
        pytest.param("```sh\n[text](gone.md)\n```", None, id="block"),
        pytest.param("- ~~~~\n  ```\n  [text](gone.md)\n  ~~~~", None, id="block in a list"),
        pytest.param("```\nnever closed\n\n[text](gone.md)", None, id="open block"),
        pytest.param("<!-- [text](gone.md) -->", None, id="comment"),
        pytest.param("\\[text\\](gone.md)", None, id="escaped"),
        pytest.param("text[^1]\n\n[^1]: gone.md", None, id="footnote"),
        pytest.param("[a](mailto:a@b.example) [b](tel:1) [c](data:,x)", None, id="other schemes"),
        pytest.param("a ` alone\n\n[text](gone.md) ` b", "gone.md", id="lone backticks"),
    ],
)
def test_links(check: Callable[..., Any], text: str, url: str | None) -> None:
    """What Markdown and HTML make a link is one; what stands in code, comments and footnotes is not."""
    assert reasons(check(text)) == ({url: "no such file"} if url else {})


@pytest.mark.parametrize("form", ["{}", "<{}>", "({})", "{}.", "**{}**", "[{}](other.md)", "[text]({} 'title')"])
def test_bare_addresses(check: Callable[..., Any], site: Site, form: str) -> None:
    """An address in the text is a link, without what punctuates the sentence around it."""
    check(form.format(f"{site.url}/a_(b)?c=d,e"))

    assert site.requests == ["HEAD /a_(b)?c=d,e"]


def test_places(check: Callable[..., Any], site: Site) -> None:
    """An address is checked once and reported with every line that has it; what follows its # makes no other."""
    site.replies = {"/gone": [404]}

    url = f"{site.url}/gone"

    result = check(f"[a]({url})\n\n```\ncode\n```\n[{url}]({url}#top), [b](./README.md)\n")

    broken = [{"url": url, "where": ["README.md:1", "README.md:6"], "reason": "404 Not Found"}]
    assert result == {"checked": 2, "broken": broken}
    assert site.requests == ["HEAD /gone", "GET /gone"]


def test_folder(linkcheck: Any) -> None:
    """Of a folder all Markdown files are read but hidden ones; / is the folder, other paths begin at their file."""
    for name in ("docs/a.md", "docs/deep/b.md", "docs/.git/c.md", "docs/node_modules/d.md", "docs/e.txt"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("[1](/a.md) [2](deep) [3](../e.txt) [4](my%20notes.md)\n")
    Path("docs/my notes.md").write_text("")

    result = linkcheck.invoke({"path": "docs"}, THREAD)

    assert [(link["url"], link["where"]) for link in result["broken"]] == [
        ("../e.txt", ["docs/a.md:1"]),
        ("deep", ["docs/deep/b.md:1"]),
        ("my%20notes.md", ["docs/deep/b.md:1"]),
    ]
    assert result["checked"] == 7


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        pytest.param("## How it *works*, in `short`?", "how-it-works-in-short", id="punctuation"),
        pytest.param("Über uns\n========", "über-uns", id="underlined"),
        pytest.param("Über uns\n--------", "%C3%BCber-uns", id="percent-encoded"),
        pytest.param("# C# and F# #", "c-and-f", id="hashes"),
        pytest.param("# Same\n# Same", "same-1", id="twice"),
        pytest.param("# [Linked](README.md) v1.0", "linked-v10", id="link"),
        pytest.param('<a name="mark"></a>', "mark", id="HTML"),
        pytest.param("text", "", id="the file"),
        pytest.param("text", "top", id="top"),
    ],
)
def test_anchors(check: Callable[..., Any], heading: str, anchor: str) -> None:
    """A heading is found under GitHub's name for it, from the same file and from others."""
    Path("other.md").write_text(f"[back](README.md#{anchor})\n\n{heading}\n")

    assert check(f"[here](#{anchor})\n[there](other.md#{anchor})\n\n{heading}\n")["broken"] == []


def test_no_anchor(check: Callable[..., Any]) -> None:
    """A heading that is not there, or only in code, is a broken link; other files are not searched."""
    Path("code.py").write_text("")

    result = check("[a](#none) [b](#code) [c](code.py#L10)\n\n```\n# Code\n```\n")

    assert reasons(result) == {"#none": "no such heading", "#code": "no such heading"}


# --- what the server says


def test_redirect(check: Callable[..., Any], site: Site) -> None:
    """A redirect is followed: what counts is what it leads to."""
    site.replies = {"/moved": [301], "/moved-away": [301], "/page-away": [404]}

    assert reasons(check(f"{site.url}/moved {site.url}/moved-away")) == {f"{site.url}/moved-away": "404 Not Found"}


def test_redirect_without_end(check: Callable[..., Any], site: Site) -> None:
    """A redirect to itself is a broken link with a reason of one line."""
    site.replies = {"/round": [301]}

    (reason,) = reasons(check(f"{site.url}/round")).values()

    assert reason.startswith("301 ")
    assert "\n" not in reason


def test_head_refused(check: Callable[..., Any], site: Site) -> None:
    """A server that refuses HEAD is asked with GET before its link is called broken."""
    site.replies = {"/page": [405, 200]}

    assert check(f"{site.url}/page")["broken"] == []
    assert site.requests == ["HEAD /page", "GET /page"]


@pytest.mark.parametrize("status", [500, 503, 429])
def test_trouble_of_the_server_is_retried(check: Callable[..., Any], site: Site, status: int) -> None:
    """A server that is in trouble for one attempt is asked again."""
    site.replies = {"/page": [status, status, 200]}

    assert check(f"{site.url}/page")["broken"] == []
    assert site.requests == ["HEAD /page", "GET /page", "HEAD /page"]


def test_attempts_end(check: Callable[..., Any], site: Site) -> None:
    """Trouble that lasts for three attempts is the reason why the link is broken."""
    site.replies = {"/page": [500]}

    assert reasons(check(f"{site.url}/page")) == {f"{site.url}/page": "500 Internal Server Error"}
    assert len(site.requests) == 6


def test_nobody_there(check: Callable[..., Any]) -> None:
    """Where nothing listens the reason is the system's."""
    with Site() as closed:
        pass

    (reason,) = reasons(check(closed.url)).values()

    assert reason.endswith("Connection refused")


@pytest.mark.timeout(15)
def test_no_answer(check: Callable[..., Any]) -> None:
    """A server that takes the connection and never answers is given up after the timeout of the input."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"

        assert reasons(check(url, timeout=0.05)) == {url: "timed out"}


def test_no_address(check: Callable[..., Any]) -> None:
    """An address that cannot be one is a broken link, not a failure."""
    result = check("[a](http://127.0.0.1:port/) [b](http://[::1/) [c](https://)")

    assert set(reasons(result)) == {"http://127.0.0.1:port/", "http://[::1/", "https://"}


# --- the run


def test_parallel(check: Callable[..., Any], site: Site) -> None:
    """As many links as the input says are checked at the same time, and never more."""
    three, four = threading.Barrier(3), threading.Barrier(4)

    def gate() -> None:
        three.wait(10)
        with suppress(threading.BrokenBarrierError):
            four.wait(0.2)  # for a fourth request, which must not come

    site.gate = gate

    assert check(" ".join(f"{site.url}/{n}" for n in range(9)), parallel=3) == {"checked": 9, "broken": []}
    assert site.most == 3


def test_nothing_to_read(linkcheck: Any) -> None:
    """A file that is not there and a folder without Markdown are errors of one line: nothing was checked."""
    with pytest.raises(FileNotFoundError, match=r"No such file or directory: 'gone.md'"):
        linkcheck.invoke({"path": "gone.md"}, THREAD)
    with pytest.raises(ValueError, match=r"no \*\.md files in \."):
        linkcheck.invoke({"path": "."}, THREAD)


def test_fail(check: Callable[..., Any], linkcheck: Any, site: Site) -> None:
    """With `fail` broken links are one error of one line; a resume checks those again and no other."""
    site.replies = {"/gone": [404, 404, 200]}

    with pytest.raises(Exception, match="broken") as caught:
        check(f"{site.url}/page\n{site.url}/gone [a](gone.md)\n", fail=True)

    broken = f"{site.url}/gone at README.md:2 (404 Not Found), gone.md at README.md:2 (no such file)"
    assert str(caught.value) == f"2 of 3 links are broken: {broken}"
    Path("gone.md").touch()

    assert linkcheck.invoke(None, THREAD) == {"checked": 3, "broken": []}
    assert Counter(site.requests) == {"HEAD /page": 1, "HEAD /gone": 2, "GET /gone": 1}


# --- the installed command


def lgrun(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in the current folder, without a terminal."""
    return subprocess.run(
        [Path(sys.executable).with_name("lgrun"), *arguments, "--no-input"],
        env={**os.environ, "LGRUN_STATE_DIR": str(Path.cwd().parent / "state")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_from_the_shell(site: Site) -> None:
    """Broken links are the answer on stdout and exit code 0; with `fail:=true` exit code 1 until they are mended."""
    Path("README.md").write_text(f"# Title\n\n[a](#title), [b]({site.url}/page), [c](gone.md)\n")

    told = lgrun("invoke", str(WORKFLOW), "path=README.md", "timeout=5")
    failed = lgrun("invoke", str(WORKFLOW), "-t", "links", "path=.", "fail:=true")
    Path("gone.md").touch()
    mended = lgrun("resume", "links")

    broken = [{"url": "gone.md", "where": ["README.md:3"], "reason": "no such file"}]
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout) == {"checked": 3, "broken": broken}
    assert (failed.returncode, failed.stdout) == (1, "")
    assert "  Broken: 1 of 3 links are broken: gone.md at README.md:3 (no such file)\n" in failed.stderr
    assert mended.returncode == 0, mended.stderr
    assert json.loads(mended.stdout) == {"checked": 3, "broken": []}
    assert site.requests == ["HEAD /page", "HEAD /page"]
