"""`lgrun new`: what it writes passes its test and says what to type next; what it refuses, and leaves alone."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_args, get_type_hints

import jsonschema
import pytest

from lgrun.cli.commands.new import new
from lgrun.cli.published import SCHEMAS
from lgrun.cli.scaffold import TEMPLATES

from .conftest import Result, World
from .test_terminal import end, terminal

Check = Callable[[Result, int, Sequence[str]], None]


def pytest_in(lgrun: World, *files: str) -> subprocess.CompletedProcess[str]:
    """Run tests in the folder, as a person would who has none of ours there."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files],
        cwd=lgrun.folder,
        env=lgrun.env({"PYTHONDONTWRITEBYTECODE": "1"}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


def written(lgrun: World) -> list[str]:
    """Return all that is in the folder."""
    return sorted(str(path.relative_to(lgrun.folder)) for path in lgrun.folder.rglob("*") if path.is_file())


# --- what is written


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("name", [None, "my_flow_2"])
def test_the_test_passes_as_it_is_written(lgrun: World, template: str, name: str | None) -> None:
    """In an empty folder, under its own name and under another one."""
    name = name or template
    result = lgrun("new", name, "--template", template)

    assert (result.code, result.stdout) == (0, f"workflows/{name}.py\ntests/test_{name}.py\n")
    done = pytest_in(lgrun, f"tests/test_{name}.py")
    assert done.returncode == 0, done.stdout
    assert written(lgrun) == [f"tests/test_{name}.py", f"workflows/{name}.py"]


BREAKS = {
    "hello": [
        ('f"{greeting}, {name}!"', '"Hm."'),
        ("choose().result()", '"Hm"'),
        ('"name", "world"', '"name", "earth"'),
        ("* times", "* 1"),
    ],
    "approve": [
        ('answer == "publish"', "True"),
        ('answer == "reject"', "False"),
        ("file.write(f", "str(f"),
        ("text = interrupt", "interrupt"),
    ],
    "llm": [
        ("retry_policy=RETRY", ""),
        ("error.code < 500", "error.code < 600"),
        ('f"Bearer {key', '"Bearer {key'),
        ("at most {words}", "at most some"),
        ("{text}", "some text"),
        ("@task(retry_policy=RETRY)\ndef entitle", "def entitle"),
    ],
    "parallel": [
        ("retry_policy=RetryPolicy(max_attempts=3", "retry_policy=RetryPolicy(max_attempts=1"),
        ("[count(path) for path in paths]", "[count(path) for path in paths[:1]]"),
        ("started = [count(path) for path in paths]", "started = (count(path) for path in paths)"),
        ("key=lines.__getitem__, ", ""),
        ('"pattern", "*"', '"other", "*"'),
    ],
}


@pytest.mark.parametrize(("template", "right", "wrong"), [(t, *pair) for t, pairs in BREAKS.items() for pair in pairs])
def test_the_test_fails_when_the_workflow_breaks(lgrun: World, template: str, right: str, wrong: str) -> None:
    """It is a test of the workflow, not of its being there."""
    lgrun("new", "flow", "--template", template)
    path = lgrun.folder / "workflows" / "flow.py"
    source = path.read_text()
    assert right in source
    path.write_text(source.replace(right, wrong))
    if "(count(path) for" in wrong:
        # Nobody waits for those that are not begun; ten seconds would be a long time.
        test = lgrun.folder / "tests" / "test_flow.py"
        test.write_text(test.read_text().replace("self.meet.wait(10)", "self.meet.wait(0.2)"))

    done = pytest_in(lgrun)
    assert done.returncode == 1, done.stdout
    assert "ImportError" not in done.stdout


@pytest.mark.parametrize("template", TEMPLATES)
def test_it_runs_as_it_says(lgrun: World, template: str) -> None:
    """The lines that are shown can be typed: the workflow runs, or says what it lacks."""
    result = lgrun("new", "flow", "--template", template)
    run, test = (line.split(":  ")[1].strip() for line in result.stderr.splitlines())

    assert test == "python -m pytest tests/test_flow.py"
    done = subprocess.run(
        ["sh", "-c", f"{Path(sys.executable).parent}/{run} --no-input"],
        cwd=lgrun.folder,
        env={k: v for k, v in lgrun.env().items() if not k.startswith("OPENAI_")},
        capture_output=True,
        text=True,
    )
    expected: dict[str, tuple[int, str]] = {
        "hello": (0, ", Ann!"),
        "approve": (3, "Publish this?"),
        "llm": (1, "set OPENAI_API_KEY"),
        "parallel": (0, '"files": 1'),
    }
    code, words = expected[template]
    assert done.returncode == code, done.stderr
    assert words in done.stdout + done.stderr


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=list(TEMPLATES))
def test_a_template_says_its_name_for_itself_only(template: Any) -> None:
    """Under another name nothing is left of it, and what stands in the package is what is written under its own."""
    folder = Path(__file__).parents[2] / "lgrun" / "cli" / "templates"
    sources = template.workflow("zzz"), template.test("zzz", "workflows")

    assert not any(re.search(template.name, source, re.IGNORECASE) for source in sources)
    assert (folder / "workflows" / f"{template.name}.py").read_text() == template.workflow(template.name)
    assert (folder / "tests" / f"test_{template.name}.py").read_text() == template.test(template.name, "workflows")
    assert all(len(line) <= 120 for line in template.workflow("zzz").splitlines())


def test_every_template_can_be_chosen() -> None:
    """The option knows the templates that there are."""
    hint = get_type_hints(new)["template"]

    assert get_args(hint) == tuple(TEMPLATES)
    assert set(BREAKS) == set(TEMPLATES)


def test_printed_only(lgrun: World) -> None:
    """--stdout prints the workflow and writes nothing, also where files are."""
    lgrun("new", "flow")
    before = written(lgrun)

    result = lgrun("new", "flow", "--stdout", "--template", "approve")
    assert (result.code, result.stderr) == (0, "")
    assert result.stdout == TEMPLATES["approve"].workflow("flow")
    assert written(lgrun) == before
    assert lgrun("new", "flow", "--stdout", "--json").code == 2


def test_for_programs(lgrun: World) -> None:
    """--json says what was written and what can be typed; -q says only which files."""
    document = lgrun("new", "flow", "--json").json

    jsonschema.validate(document, SCHEMAS["new"], cls=jsonschema.Draft202012Validator)
    assert document["files"] == ["workflows/flow.py", "tests/test_flow.py"]
    assert document["next"] == ["lgrun invoke flow name=Ann", "python -m pytest tests/test_flow.py"]
    assert lgrun("new", "other", "-q").stderr == ""


# --- what is refused


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("my-flow", "my_flow"),
        ("my flow", "my_flow"),
        ("2fast", "flow_2fast"),
        ("", "flow"),
        ("...", "flow"),
        ("trip.py", "trip"),
        ("workflows/trip.py", "trip"),
        ("../../etc/trip", "trip"),
        ("class", "class_flow"),
        ("json", "json_flow"),
        ("lgrun", "lgrun_flow"),
        ("typer", "typer_flow"),
        ("pytest", "pytest_flow"),
        ("conftest", "conftest_flow"),
        ("print", "print_flow"),
        ("greeting", "greeting_flow"),
        ("task", "task_flow"),
        ("__init__", "init"),
        ("ﬁle", "file"),
    ],
)
def test_names_that_no_workflow_can_have(lgrun: World, assert_one_message: Check, name: str, hint: str) -> None:
    """They are no names of modules, or hide something; the nearest that can be had is named, and can be had."""
    result = lgrun("new", name)

    assert_one_message(result, 2, [f"like:  lgrun new {hint}"])
    assert written(lgrun) == []
    assert list(lgrun.folder.iterdir()) == []
    assert lgrun("new", hint).code == 0


def test_what_is_there_stays(lgrun: World, assert_one_message: Check) -> None:
    """If one of the files is there, neither is written; with -f both are."""
    lgrun.write("tests/test_flow.py", "mine")

    assert_one_message(
        lgrun("new", "flow", "--template", "approve"),
        2,
        ["tests/test_flow.py is there already", "lgrun new flow --template approve -f"],
    )
    assert written(lgrun) == ["tests/test_flow.py"]
    assert (lgrun.folder / "tests/test_flow.py").read_text() == "mine"
    assert lgrun("new", "flow", "-f").code == 0
    assert lgrun("new", "flow", "-f").code == 0
    assert_one_message(lgrun("new", "flow"), 2, ["workflows/flow.py and tests/test_flow.py are there already"])
    assert pytest_in(lgrun).returncode == 0


@pytest.mark.parametrize("force", [[], ["-f"]])
def test_both_or_none(lgrun: World, assert_one_message: Check, force: list[str]) -> None:
    """If the second file cannot be written, the first is as it was, and no folder is left."""
    lgrun.write("tests", "no folder")
    assert_one_message(lgrun("new", "flow", *force), 74, ["cannot write tests/test_flow.py", "nothing was written"])
    assert written(lgrun) == ["tests"]
    assert not (lgrun.folder / "workflows").exists()

    lgrun.write("workflows/flow.py", "mine")
    assert lgrun("new", "flow", *force).code == (74 if force else 2)
    assert (lgrun.folder / "workflows/flow.py").read_text() == "mine"


def test_a_link_that_leads_nowhere_is_there(lgrun: World) -> None:
    """What a link names is not made behind somebody's back."""
    lgrun.write("workflows/x", "")
    os.symlink(lgrun.folder / "elsewhere", lgrun.folder / "workflows" / "flow.py")

    assert lgrun("new", "flow").code == 2
    assert not (lgrun.folder / "elsewhere").exists()


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("flow", "a file that `lgrun invoke flow` would mean"),
        ("workflows/flow/__init__.py", ""),
        ("lgrun.toml", '[workflows]\nflow = "other.py"\n'),
        ("lgrun.toml", '[workflows]\nflow = "pkg.mod:main"\n'),
        ("langgraph.json", '{"graphs": {"flow": "./other.py:graph"}}'),
    ],
)
def test_a_name_that_means_another_workflow(lgrun: World, assert_one_message: Check, file: str, text: str) -> None:
    """`lgrun invoke NAME` has to run what was written."""
    lgrun.write(file, text)

    assert_one_message(lgrun("new", "flow", "-f"), 2, ["another name"])
    assert written(lgrun) == [file]


def test_the_folder_that_the_project_names(lgrun: World) -> None:
    """Without ./workflows it is the first of the project's `path`; the test finds the workflow there."""
    lgrun.write("lgrun.toml", 'path = ["src/flows"]\n')
    result = lgrun("new", "flow")

    assert result.stdout == "src/flows/flow.py\ntests/test_flow.py\n"
    assert (lgrun.folder / "tests/test_flow.py").read_text().startswith('"""src/flows/flow.py, ')
    assert pytest_in(lgrun).returncode == 0
    assert lgrun("invoke", "flow").code == 0
    (lgrun.folder / "workflows").mkdir()
    assert lgrun("new", "other").stdout == "workflows/other.py\ntests/test_other.py\n"


def test_folders_of_a_variable_are_for_looking_only(lgrun: World, tmp_path: Path) -> None:
    """$LGRUN_PATH is the person's, not the project's: nothing is written there."""
    result = lgrun("new", "flow", env={"LGRUN_PATH": str(tmp_path / "mine")})

    assert result.stdout.startswith("workflows/flow.py\n")


@pytest.mark.parametrize("word", ["init", "create", "scaffold"])
def test_what_people_type_who_know_other_programs(lgrun: World, assert_one_message: Check, word: str) -> None:
    """They are told what it is called here."""
    assert_one_message(lgrun(word, "flow"), 2, ["did you mean lgrun new?"])


def test_an_unknown_template(lgrun: World, assert_one_message: Check) -> None:
    """Those that there are, are named."""
    assert_one_message(lgrun("new", "flow", "--template", "helo"), 2, list(TEMPLATES))


# --- at a terminal


def test_at_a_terminal(lgrun: World) -> None:
    """What is written is run, asks its question, is edited in an editor and published."""
    editor = lgrun.write("editor.sh", '#!/bin/sh\nprintf "Cats have moved in.\\n" >"$1"\n')
    editor.chmod(0o755)
    with terminal(lgrun, "new", "post", "--template", "approve") as child:
        child.expect_exact("workflows/post.py\r\ntests/test_post.py\r\n")
        child.expect_exact("run it:   lgrun invoke post 'topic=our new office'")
        child.expect_exact("test it:  python -m pytest tests/test_post.py")
        assert end(child)[0] == 0
    with terminal(lgrun, "invoke", "post", "topic=cats", "-t", "t", env={"EDITOR": str(editor)}) as child:
        child.expect_exact("There is news about cats.")
        child.expect_exact("Publish this?")
        child.expect("q1> ")
        child.sendline("edit")
        child.expect_exact("What should it say?")
        child.expect("q2> ")
        child.sendline("")
        child.expect_exact("Cats have moved in.")
        child.expect("q3> ")
        child.sendline("publish")
        code, _signal, rest = end(child)

    assert code == 0, rest
    assert (lgrun.folder / "published.md").read_text() == "Cats have moved in.\n"


def test_nothing_is_asked_about_files_that_are_there(lgrun: World) -> None:
    """Not at a terminal either: only -f replaces them."""
    lgrun.write("workflows/post.py", "mine")
    with terminal(lgrun, "new", "post") as child:
        child.expect_exact("workflows/post.py is there already; nothing was written")
        child.expect_exact("to replace what is there:  lgrun new post -f")
        assert end(child)[0] == 2

    assert written(lgrun) == ["workflows/post.py"]
    with terminal(lgrun, "new", "post", "-f") as child:
        assert end(child)[0] == 0
    assert (lgrun.folder / "workflows/post.py").read_text() == TEMPLATES["hello"].workflow("post")


def test_a_printed_workflow_goes_through_the_pager(lgrun: World) -> None:
    """It is longer than the screen."""
    with terminal(lgrun, "new", "post", "--stdout", env={"LGRUN_PAGER": "sed s/^/PAGED:/"}) as child:
        child.setwinsize(10, 100)
        code, _signal, shown = end(child)

    assert code == 0
    assert 'PAGED:"""A first workflow.' in shown
