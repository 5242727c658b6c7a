"""workflows/changelog.py on real repositories: what it writes, what it asks, what it does not do twice."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from lgrun.checkpoint.file import FileSaver
from lgrun.types import Command

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / "workflows" / "changelog.py"
GIT = shutil.which("git")
THREAD = {"configurable": {"thread_id": "notes"}}

# Runs the workflow in a process of its own: the state directory, then the input or the answer as JSON.
DRIVER = f"""
import json, runpy, sys
from lgrun.checkpoint.file import FileSaver
from lgrun.types import Command
workflow = runpy.run_path({str(WORKFLOW)!r})["changelog"]
workflow.checkpointer = FileSaver(sys.argv[1])
given = json.loads(sys.argv[2])
result = workflow.invoke(given if isinstance(given, dict) else Command(resume=given), {THREAD!r})
waits = "__interrupt__" in result
print(json.dumps(result["__interrupt__"][0].value if waits else result))
"""


@pytest.fixture(autouse=True)
def _git_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep out the tester's own git settings, the clock, and any repository around the test's folder."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    settings = {
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "init.defaultBranch",
        "GIT_CONFIG_VALUE_0": "main",
        "GIT_CEILING_DIRECTORIES": str(tmp_path.parent),
    }
    for role in ("AUTHOR", "COMMITTER"):
        settings |= {f"GIT_{role}_NAME": "Ada", f"GIT_{role}_EMAIL": "ada@example.org"}
        settings[f"GIT_{role}_DATE"] = "2024-01-01T12:00:00+00:00"
    for name, value in settings.items():
        monkeypatch.setenv(name, value)


class Repo:
    """A repository to write about."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes = path / "RELEASE_NOTES.md"
        path.mkdir(parents=True)
        self.git("init", "-q")

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        done = subprocess.run(["git", *arguments], cwd=self.path, input=stdin, capture_output=True, check=True)
        return done.stdout.decode().strip()

    def commit(self, message: str, file: str | None = None, content: bytes = b"text\n") -> str:
        """Make a commit that adds `file`; return how the notes cite it."""
        if file is not None:
            (self.path / file).parent.mkdir(parents=True, exist_ok=True)
            (self.path / file).write_bytes(content)
            self.git("add", "--", file)
        self.git("commit", "-q", "--allow-empty", "--allow-empty-message", "-F", "-", stdin=message.encode())
        return f"({self.git('rev-parse', 'HEAD')[:8]})"


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """An empty repository."""
    return Repo(tmp_path / "repo")


class Notes:
    """The workflow on one thread, its state in a directory."""

    def __init__(self, state: Path) -> None:
        spec = spec_from_file_location("changelog", WORKFLOW)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        self.workflow = module.changelog
        self.workflow.checkpointer = FileSaver(state)

    def start(self, repo: Repo | Path, **options: str) -> Any:
        path = repo.path if isinstance(repo, Repo) else repo
        return self._outcome({"repo": str(path), **options})

    def answer(self, value: Any) -> Any:
        return self._outcome(Command(resume=value))

    def _outcome(self, given: Any) -> Any:
        """Return the question's value, or what the workflow returned."""
        result = self.workflow.invoke(given, THREAD)
        return result["__interrupt__"][0].value if "__interrupt__" in result else result


@pytest.fixture
def notes(tmp_path: Path) -> Notes:
    """The workflow, not yet started."""
    return Notes(tmp_path / "state")


@pytest.fixture
def git_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Put a git on PATH that notes its arguments before it is git; return how to read them."""
    log = tmp_path / "git-calls"
    wrapper = tmp_path / "bin" / "git"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\necho "$*" >>"{log}"\nexec "{GIT}" "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{wrapper.parent}{os.pathsep}{os.environ['PATH']}")
    return lambda: log.read_text().splitlines() if log.exists() else []


# --- the notes


def test_sections(repo: Repo, notes: Notes) -> None:
    """Commits are sorted into sections by their subjects, each with what it changed and where."""
    fix = repo.commit("fix: count from zero", "src/count.c", b"a\nb\n")
    feature = repo.commit("feat(cli): colours", "src/cli.c")
    other = repo.commit("Tidy up", "README")
    loud = repo.commit("refactor!: drop the old format", "doc/format.md")
    quiet = repo.commit("feat: new format\n\nLonger.\n\nBREAKING CHANGE: the old one is gone")
    chore = repo.commit("CI: run on pushes")

    question = notes.start(repo, version="1.0")

    assert question["draft"] == (
        "# 1.0\n\n"
        "Commits: 6\n\n"
        f"## Breaking changes\n\n_Lines +1 -0, files 1, doc/ 1_\n\n"
        f"- new format {quiet}\n- drop the old format {loud}\n\n"
        f"## Features\n\n_Lines +1 -0, files 1, src/ 1_\n\n- **cli:** colours {feature}\n\n"
        f"## Fixes\n\n_Lines +2 -0, files 1, src/ 1_\n\n- count from zero {fix}\n\n"
        f"## Internals\n\n_Lines +0 -0, files 0_\n\n- run on pushes {chore}\n\n"
        f"## Other changes\n\n_Lines +1 -0, files 1_\n\n- Tidy up {other}\n"
    )


@pytest.mark.parametrize(
    ("message", "line"),
    [
        pytest.param('fix: 日本語 ✨ "quotes" \\ $HOME `id`', '日本語 ✨ "quotes" \\ $HOME `id`', id="unicode"),
        pytest.param("fix: red \x1b[31m and \x07 bell", "red  [31m and   bell", id="control characters"),
        pytest.param("fix: folded\nin two", "folded in two", id="two lines"),
        pytest.param("", "(no subject)", id="no message"),
        pytest.param("-n: --help", "-n: --help", id="like an option"),
        pytest.param("fix:no space", "fix:no space", id="no space"),
    ],
)
def test_odd_messages(repo: Repo, notes: Notes, message: str, line: str) -> None:
    """Whatever stands in a message, its commit has one line in the notes."""
    cited = repo.commit(message)

    assert f"\n- {line} {cited}\n" in notes.start(repo)["draft"]


@pytest.mark.parametrize(
    ("header", "expected"),
    [(b"encoding ISO-8859-1\n", "café"), (b"", "caf\N{REPLACEMENT CHARACTER}")],
    ids=["declared", "undeclared"],
)
def test_other_encodings(repo: Repo, notes: Notes, header: bytes, expected: str) -> None:
    """A message that is not UTF-8 is read as its commit declares, else as far as it can be."""
    repo.git("config", "i18n.logOutputEncoding", "ISO-8859-1")
    tree = repo.git("mktree").encode()
    person = b"Ada <ada@example.org> 1700000000 +0000"
    body = b"tree %b\nauthor %b\ncommitter %b\n%b\nfix: caf\xe9\n" % (tree, person, person, header)
    repo.git("update-ref", "HEAD", repo.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=body))

    assert f"\n- {expected} (" in notes.start(repo)["draft"]


def test_odd_files(repo: Repo, notes: Notes) -> None:
    """File names of any characters and binary files are counted."""
    repo.commit("fix: a", "tab\tand\nline/é.txt")
    repo.commit("fix: b", "image", b"\x00\x01\x02")

    assert "_Lines +1 -0, files 2, tab\tand\nline/ 1_" in notes.start(repo)["draft"]


def test_merges_are_left_out(repo: Repo, notes: Notes) -> None:
    """A merge commit is not mentioned; what it merges is."""
    repo.commit("feat: base")
    repo.git("checkout", "-q", "-b", "side")
    repo.commit("feat: from the side", "side")
    repo.git("checkout", "-q", "main")
    repo.commit("feat: from the trunk", "trunk")
    repo.git("merge", "-q", "--no-ff", "-m", "feat: merged", "side")

    draft = notes.start(repo)["draft"]

    assert "Commits: 3\n" in draft
    assert "from the side" in draft
    assert "merged" not in draft


def test_many_commits(repo: Repo, notes: Notes) -> None:
    """Of ten thousand commits all are counted and the newest hundred of a section are listed."""
    entries = []
    for n in range(10_000):
        head = f"commit refs/heads/main\ncommitter A <a@b> {1_700_000_000 + n} +0000\n"
        head += f"data <<E\nfix: bug {n}\nE\n"
        entries.append(head + f"M 644 inline f{n % 97}\ndata <<E\n{n}\nE\n")
    repo.git("fast-import", "--quiet", stdin="\n".join(entries).encode())

    draft = notes.start(repo)["draft"]

    assert "Commits: 10000\n" in draft
    assert "files 97_\n\n- bug 9999 (" in draft
    assert draft.count("\n- bug ") == 100
    assert draft.endswith("\n- and 9900 more\n")


def test_summaries_run_in_parallel(repo: Repo, notes: Notes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sections are summarised at the same time: no git ends before all three have begun."""
    for kind in ("feat", "fix", "docs"):
        repo.commit(f"{kind}: something", kind)
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(10)
    wrapper = tmp_path / "bin" / "git"
    wrapper.parent.mkdir()
    meet = f"socket.create_connection({server.getsockname()!r}).recv(1) or sys.exit('the others never came')"
    wrapper.write_text(
        f"#!{sys.executable} -S\nimport os, socket, sys\n"
        f"if 'diff-tree' in sys.argv:\n    {meet}\n"
        f"os.execv({GIT!r}, ['git', *sys.argv[1:]])\n"
    )
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{wrapper.parent}{os.pathsep}{os.environ['PATH']}")

    def gather() -> None:
        with server:
            guests = []
            try:
                guests += [server.accept()[0] for _ in range(3)]
            except TimeoutError:
                return  # closing the server turns the guests away, and their git fails
            for guest in guests:
                with guest:
                    guest.sendall(b"!")

    host = Thread(target=gather)
    host.start()
    question = notes.start(repo)
    host.join()

    assert [line for line in question["draft"].splitlines() if line.startswith("##")] == [
        "## Features",
        "## Fixes",
        "## Documentation",
    ]


# --- where the history begins


def test_since_the_latest_tag(repo: Repo, notes: Notes) -> None:
    """Without `since` the notes begin after the latest tag, the highest version among those of one date."""
    repo.commit("feat: first")
    repo.git("tag", "v1.9")
    repo.commit("feat: second")
    repo.git("tag", "v1.10")
    repo.commit("feat: third")

    draft = notes.start(repo)["draft"]

    assert draft.startswith("# Unreleased\n\nCommits since v1.10: 1\n")
    assert "third" in draft
    assert "second" not in draft


def test_since_a_ref(repo: Repo, notes: Notes) -> None:
    """`since` may be any name of a commit."""
    repo.commit("feat: first")
    repo.commit("feat: second")
    repo.commit("feat: third")
    repo.git("tag", "v1")

    draft = notes.start(repo, since="HEAD~2")["draft"]

    assert "Commits since HEAD~2: 2\n" in draft
    assert "first" not in draft


def test_no_tag(repo: Repo, notes: Notes) -> None:
    """Without tags the notes tell the whole history."""
    repo.commit("feat: first")
    repo.commit("feat: second")

    assert "Commits: 2\n" in notes.start(repo)["draft"]


def test_shallow_clone(repo: Repo, notes: Notes, tmp_path: Path) -> None:
    """A shallow clone tells the commits it has, and does not count every file as new in the oldest."""
    for n in range(4):
        repo.commit(f"fix: bug {n}", f"file{n}")
    subprocess.run(["git", "clone", "-q", "--depth", "2", repo.path.as_uri(), str(tmp_path / "clone")], check=True)

    draft = notes.start(tmp_path / "clone")["draft"]

    assert "Commits: 2\n" in draft
    assert "_Lines +1 -0, files 1_" in draft


def test_another_repository_in_the_environment(
    repo: Repo, notes: Notes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GIT_DIR, which is set inside git hooks, does not win over `repo`."""
    repo.commit("feat: here")
    other = Repo(tmp_path / "other")
    other.commit("feat: there")
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))

    assert "- here (" in notes.start(repo)["draft"]


# --- the answers


def test_approve(repo: Repo, notes: Notes) -> None:
    """Approved notes are written as shown, nothing else is left behind, and the result is plain JSON."""
    repo.commit("feat: first")
    repo.commit("fix: second")
    question = notes.start(repo, version="1.0")

    assert question["question"] == f"Write {repo.notes}?"
    assert question["options"] == ["approve", "edit", "reject"]
    assert not repo.notes.exists()

    result = notes.answer("approve")

    assert result == {
        "status": "written",
        "file": str(repo.notes),
        "version": "1.0",
        "commits": 2,
        "groups": {"Features": 1, "Fixes": 1},
    }
    assert json.loads(json.dumps(result)) == result
    assert repo.notes.read_text() == question["draft"]
    assert sorted(path.name for path in repo.path.iterdir()) == [".git", "RELEASE_NOTES.md"]


def test_reject(repo: Repo, notes: Notes) -> None:
    """Rejected notes are not written, and the result says so."""
    repo.commit("feat: first")
    notes.start(repo)

    result = notes.answer("reject")

    assert (result["status"], result["file"], result["commits"]) == ("rejected", None, 1)
    assert not repo.notes.exists()


def test_edit(repo: Repo, notes: Notes) -> None:
    """An edit asks for a text, offers the present one, and comes back with the question about the new one."""
    repo.commit("feat: first")
    draft = notes.start(repo)["draft"]

    asked = notes.answer("edit")

    assert asked == {"question": "What should the notes say?", "type": "editor", "default": draft}

    again = notes.answer("# Better\n\n- é")

    assert again["options"] == ["approve", "edit", "reject"]
    assert again["draft"] == "# Better\n\n- é\n"
    assert notes.answer("edit")["default"] == "# Better\n\n- é\n"
    assert notes.answer("# Best")["draft"] == "# Best\n"
    assert notes.answer("approve")["status"] == "written"
    assert repo.notes.read_bytes() == b"# Best\n"


@pytest.mark.parametrize("answer", ["", " \n", 3, ["text"], {"text": "# Better"}])
def test_edit_without_words(repo: Repo, notes: Notes, answer: Any) -> None:
    """An edit that is no text leaves the notes as they are."""
    repo.commit("feat: first")
    draft = notes.start(repo)["draft"]
    notes.answer("edit")

    assert notes.answer(answer)["draft"] == draft


@pytest.mark.parametrize("answer", ["yes", "Approve!", "", False, 0, ["approve"], {"approve": True}])
def test_unknown_answer(repo: Repo, notes: Notes, answer: Any) -> None:
    """An answer that is none of the three is asked again with a hint, as often as it is given."""
    repo.commit("feat: first")
    notes.start(repo)
    expected = f"{answer!r} is none of approve, edit, reject. Write {repo.notes}?"

    assert [notes.answer(answer)["question"] for _ in range(3)] == [expected] * 3
    assert not repo.notes.exists()
    assert notes.answer("approve")["status"] == "written"


# --- the file


def test_existing_file(repo: Repo, notes: Notes) -> None:
    """Of a file that exists the question says so, and only approval replaces it."""
    repo.commit("feat: first")
    repo.notes.write_text("by hand\n")

    question = notes.start(repo)

    assert question["question"] == f"{repo.notes} exists: replace it?"
    assert repo.notes.read_text() == "by hand\n"

    notes.answer("approve")

    assert repo.notes.read_text() == question["draft"]


@pytest.mark.parametrize("before", [None, "by hand\n"], ids=["new", "changed"])
def test_file_changed_meanwhile(repo: Repo, notes: Notes, before: str | None) -> None:
    """A file that came or changed while the question was open is not replaced without another question."""
    repo.commit("feat: first")
    if before:
        repo.notes.write_text(before)
    notes.start(repo)
    repo.notes.write_text("by hand, later\n")

    question = notes.answer("approve")

    assert question["question"] == (
        f"The file was changed while the question was open. {repo.notes} exists: replace it?"
    )
    assert repo.notes.read_text() == "by hand, later\n"
    assert notes.answer("approve")["status"] == "written"
    assert repo.notes.read_text() == question["draft"]


def test_file_written_before_the_result_was_saved(repo: Repo, notes: Notes) -> None:
    """A file that already holds the approved text, as after a crash right then, is a success."""
    repo.commit("feat: first")
    question = notes.start(repo)
    repo.notes.write_text(question["draft"])

    assert notes.answer("approve")["status"] == "written"


def test_folder_made_after_the_failure(repo: Repo, notes: Notes) -> None:
    """After a failed write the approval is kept: the run goes on once the folder is there."""
    repo.commit("feat: first")
    notes.start(repo, out="doc/NOTES.md")

    with pytest.raises(FileNotFoundError):
        notes.answer("approve")
    (repo.path / "doc").mkdir()

    assert notes.workflow.invoke(None, THREAD)["file"] == str(repo.path / "doc" / "NOTES.md")
    assert (repo.path / "doc" / "NOTES.md").exists()


# --- another process


def run(state: Path, given: Any, cwd: Path) -> Any:
    """Run the workflow in a process of its own; return the question's value or the result."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, str(state), json.dumps(given)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_resume_runs_no_git(repo: Repo, tmp_path: Path, git_calls: Callable[[], list[str]]) -> None:
    """A resume in another process runs no git and writes what was shown, whatever was committed since."""
    repo.commit("feat: first")
    question = run(tmp_path / "state", {"repo": str(repo.path)}, tmp_path)
    repo.commit("feat: too late")
    calls = git_calls()

    assert any("diff-tree" in call for call in calls)

    result = run(tmp_path / "state", "approve", tmp_path)

    assert result["commits"] == 1
    assert repo.notes.read_text() == question["draft"]
    assert git_calls() == calls


def test_resume_from_another_directory(repo: Repo, tmp_path: Path) -> None:
    """Relative paths mean what they meant where the run was started."""
    repo.commit("feat: first")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    run(tmp_path / "state", {"repo": ".", "out": "NOTES.md"}, repo.path)
    result = run(tmp_path / "state", "approve", elsewhere)

    assert result["file"] == str(repo.path / "NOTES.md")
    assert (repo.path / "NOTES.md").exists()
    assert list(elsewhere.iterdir()) == []


# --- what cannot be told


def test_empty_repository(repo: Repo, notes: Notes) -> None:
    """A repository without commits is an error of one line, and the run goes on once there is one."""
    with pytest.raises(ValueError) as caught:
        notes.start(repo)

    assert str(caught.value) == f"{repo.path} has no commits yet"

    repo.commit("feat: first")

    assert "first" in notes.workflow.invoke(None, THREAD)["__interrupt__"][0].value["draft"]


def test_nothing_since_the_tag(repo: Repo, notes: Notes) -> None:
    """Without commits since the latest tag the error says what to do."""
    repo.commit("feat: first")
    repo.git("tag", "v1")

    with pytest.raises(ValueError) as caught:
        notes.start(repo)

    assert str(caught.value) == f"no commits since v1 in {repo.path}: name an earlier since=REF"


@pytest.mark.parametrize("since", ["v9", "--output=x", "HEAD:file"])
def test_unknown_ref(repo: Repo, notes: Notes, since: str) -> None:
    """A `since` that names no commit is an error, never an option of git."""
    repo.commit("feat: first", "file")

    with pytest.raises(ValueError) as caught:
        notes.start(repo, since=since)

    assert str(caught.value) == f"since={since} names no commit in {repo.path}"
    assert sorted(path.name for path in repo.path.iterdir()) == [".git", "file"]


def test_no_repository(notes: Notes, tmp_path: Path) -> None:
    """In a directory that is no repository git's own words are the error."""
    with pytest.raises(ValueError, match="not a git repository"):
        notes.start(tmp_path)


def test_no_directory(notes: Notes, tmp_path: Path) -> None:
    """So they are where there is no directory."""
    with pytest.raises(ValueError, match="No such file or directory"):
        notes.start(tmp_path / "nowhere")


def test_dubious_ownership(repo: Repo, notes: Notes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a repository that belongs to somebody else git's advice is shown whole, on one line."""
    repo.commit("feat: first")
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")

    with pytest.raises(ValueError) as caught:
        notes.start(repo)

    assert "dubious ownership" in str(caught.value)
    assert f"git config --global --add safe.directory {repo.path}" in str(caught.value)
    assert "\n" not in str(caught.value)


# --- the installed command


@pytest.fixture
def lgrun(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return how to run the command, without a terminal."""
    command = Path(sys.executable).parent / "lgrun"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LGRUN_")}
    environment = {**kept, "LGRUN_STATE_DIR": str(tmp_path / "state")}

    def call(*arguments: str, cwd: Path = tmp_path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [command, *arguments],
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    return call


def test_from_the_shell(repo: Repo, tmp_path: Path, lgrun: Callable[..., Any]) -> None:
    """The commands of the docstring: ask and exit 3, show the draft, approve from anywhere and exit 0."""
    repo.commit("feat: first")

    asked = lgrun("invoke", str(WORKFLOW), "-t", "notes", "repo=.", "version=1.4.0", cwd=repo.path)

    assert (asked.returncode, asked.stdout) == (3, ""), asked.stderr
    assert f"Write {repo.notes}?" in asked.stderr

    draft = lgrun("show", "notes", "--get", "questions.0.value.draft")

    assert draft.stdout.startswith("# 1.4.0\n")

    written = lgrun("resume", "notes", "--value", "approve", cwd=tmp_path)

    assert written.returncode == 0, written.stderr
    assert json.loads(written.stdout)["file"] == str(repo.notes)
    assert repo.notes.read_text().rstrip() == draft.stdout.rstrip()


def test_edit_from_the_shell(repo: Repo, tmp_path: Path, lgrun: Callable[..., Any]) -> None:
    """A file of any text answers the question for other words."""
    repo.commit("feat: first")
    (tmp_path / "better.md").write_text("{# Better}\n")
    lgrun("invoke", str(WORKFLOW), "-t", "notes", f"repo={repo.path}")

    codes = [lgrun("resume", "notes", "--value", value).returncode for value in ("edit", "@better.md", "approve")]

    assert codes == [3, 3, 0]
    assert repo.notes.read_text() == "{# Better}\n"


def test_errors_in_the_shell(repo: Repo, lgrun: Callable[..., Any]) -> None:
    """An empty repository fails with exit code 1 and the reason; a wrong key is refused with 2."""
    empty = lgrun("invoke", str(WORKFLOW), f"repo={repo.path}")
    wrong = lgrun("invoke", str(WORKFLOW), "verison=1")

    assert (empty.returncode, empty.stdout) == (1, "")
    assert f"  ValueError: {repo.path} has no commits yet\n" in empty.stderr
    assert wrong.returncode == 2
    assert "version" in wrong.stderr
