"""A workflow file gets in nobody's way, and nothing gets in its way."""

import json
import subprocess
import sys

import pytest

from .conftest import World
from .sources import ASK, HEAD, HELLO, REVIEW


@pytest.mark.parametrize("name", ["json", "os", "lgrun", "typer", "orjson", "re", "a-b", "a b"])
def test_names_of_modules(lgrun: World, name: str) -> None:
    """A workflow called like a module of Python, of lgrun or of a package shadows nothing and can import it."""
    text = HELLO + "\nimport json, os\nassert json.loads('1') == 1 and os.sep\n"
    lgrun.write(f"{name}.py", text.replace("{name}", "{name}{os.sep}"))

    result = lgrun("invoke", f"{name}.py", "Ann", "-t", "t")

    assert (result.code, result.stdout) == (0, '"hello Ann/"\n')
    assert lgrun("show", "t").code == 0


def test_stable_module_name(lgrun: World) -> None:
    """Classes of the workflow's file are found again in another process."""
    lgrun.write(
        "wf.py",
        HEAD
        + "import dataclasses\n@dataclasses.dataclass\nclass Item:\n    n: int\n"
        + "@task\ndef make(n: int) -> Item:\n    return Item(n)\n"
        + "@entrypoint()\ndef wf(input: Item) -> Item:\n    item = make(input.n).result()\n"
        + "    interrupt('go?')\n    assert type(item) is Item and type(input) is Item\n    return item\n",
    )
    lgrun("invoke", "wf.py", "n=5", "-t", "t")

    result = lgrun("resume", "t", "--value", "yes")

    assert (result.code, result.json) == (0, {"n": 5}), result


def test_moved_file_keeps_its_classes(lgrun: World) -> None:
    """After the file moved, saved objects of its classes are read as before."""
    path = lgrun.write(
        "wf.py",
        HEAD
        + "import dataclasses\n@dataclasses.dataclass\nclass Item:\n    n: int\n"
        + "@task\ndef make() -> Item:\n    return Item(5)\n"
        + "@entrypoint()\ndef wf(input: dict) -> int:\n    item = make().result()\n"
        + "    interrupt('go?')\n    assert type(item) is Item\n    return item.n\n",
    )
    lgrun("invoke", "wf.py", "-t", "t")
    (lgrun.folder / "new").mkdir()
    path.rename(lgrun.folder / "new" / "moved.py")

    result = lgrun("resume", "t", "--value", "yes", "-w", "new/moved.py")

    assert (result.code, result.stdout) == (0, "5\n"), result


def test_in_memory_saver_is_replaced(lgrun: World) -> None:
    """An InMemorySaver in the file is replaced; a thread a run left in it while the file loaded is reported."""
    text = ASK.replace("@entrypoint()", "@entrypoint(checkpointer=InMemorySaver())")
    text = "from lgrun.checkpoint.memory import InMemorySaver\n" + text
    text += "\nask.invoke({}, {'configurable': {'thread_id': 'lost-one'}})\n"
    lgrun.write("ask.py", text)

    result = lgrun("invoke", "ask.py", "-t", "t")

    assert result.code == 3
    assert "lost-one" in result.stderr
    assert lgrun.threads() == ["t"]
    assert lgrun("resume", "t", "--value", "1").code == 0


def test_own_saver_is_kept(lgrun: World) -> None:
    """A saver of another class is kept, with a notice."""
    text = "from lgrun.checkpoint.file import FileSaver\n" + HELLO.replace(
        "@entrypoint()", "@entrypoint(checkpointer=FileSaver('own'))"
    )
    lgrun.write("hello.py", text)

    result = lgrun("invoke", "hello.py", "Ann", "-t", "t")

    assert (result.code, result.stdout) == (0, '"hello Ann"\n')
    assert "keeps its threads with its own FileSaver" in result.stderr
    assert lgrun.threads() == []
    assert lgrun("list", "-q", "-S", "own").stdout == "t\n"


OWN = (
    "from lgrun.checkpoint.file import FileSaver\n"
    + ASK.replace("@entrypoint()", "@entrypoint(checkpointer=FileSaver())")
    + """
if __name__ == "__main__":
    ask.invoke({}, {"configurable": {"thread_id": "t"}})
"""
)


def test_thread_of_a_program(lgrun: World) -> None:
    """A thread begun by a program does not say where its workflow is: hints name -w; then the thread says it."""
    lgrun.write("own.py", OWN)
    subprocess.run([sys.executable, "own.py"], cwd=lgrun.folder, env=lgrun.env(), check=True)

    hint = "lgrun resume t -w WORKFLOW --value VALUE"
    assert lgrun("show", "t", "--get", "next.0").stdout == hint + "\n"
    assert hint in lgrun("resume", "t").stderr
    assert "the same command with -w WORKFLOW" in lgrun("resume", "t", "--value", "1").stderr
    answered = lgrun("resume", "t", "-w", "own.py", "--value", "1")

    assert (answered.code, answered.stdout) == (0, "1\n")
    assert "own FileSaver" not in answered.stderr


def test_imported_workflow_is_no_candidate(lgrun: World) -> None:
    """A workflow that the file imports to call it does not make the file ambiguous."""
    lgrun.write("child.py", HELLO)
    lgrun.write(
        "main.py",
        HEAD + "from child import hello\n@entrypoint()\ndef main(name: str):\n    return hello.invoke(name)\n",
    )

    result = lgrun("invoke", "main.py", "Ann")

    assert (result.code, result.stdout) == (0, '"hello Ann"\n'), result


def test_changed_file_warns(lgrun: World) -> None:
    """A file that changed since is said in one line; fail refuses, ignore is silent."""
    path = lgrun.write("ask.py", ASK)
    for thread in ("warn", "fail", "ignore"):
        lgrun("invoke", "ask.py", "-t", thread)
    path.write_text(ASK + "\n# changed\n")

    warned = lgrun("resume", "warn", "--value", "1")
    failed = lgrun("resume", "fail", "--value", "1", "--on-change", "fail")
    ignored = lgrun("resume", "ignore", "--value", "1", "--on-change", "ignore")

    assert (warned.code, failed.code, ignored.code) == (0, 6, 0)
    assert "! ask.py changed since warn started" in warned.stderr.splitlines()
    assert "✗ ask.py changed since fail started" in failed.stderr
    assert "changed" not in ignored.stderr
    assert lgrun("resume", "fail").code == 3


def test_other_task_is_refused(lgrun: World) -> None:
    """Another task where one is recorded is refused before it runs, unless --on-change ignore."""
    path = lgrun.write("review.py", REVIEW)
    lgrun("invoke", "review.py", "topic=a", "-t", "t")
    path.write_text(REVIEW.replace("def draft", "def outline").replace("= draft(", "= outline("))

    refused = lgrun("resume", "t", "--value", "yes")

    assert (refused.code, refused.stdout) == (6, "")
    assert "draft" in refused.stderr
    assert "outline" in refused.stderr
    assert "review.py:" in refused.stderr
    assert "lgrun resume t --on-change ignore" in refused.stderr
    assert refused.stderr.count("recorded ") == 1
    assert lgrun("show", "t", "--json").json["error"]["type"] == "ReplayMismatchError"
    assert lgrun("show", "t", "--json").json["next"] == ["lgrun resume t", "lgrun resume t --on-change ignore"]
    assert (lgrun.folder / "ran.txt").read_text() == "draft\n"

    allowed = lgrun("resume", "t", "--on-change", "ignore")
    assert allowed.code == 3
    assert (lgrun.folder / "ran.txt").read_text() == "draft\ndraft\n"


def test_other_arguments_warn(lgrun: World) -> None:
    """Other arguments of a recorded task warn and use the recorded result; with fail the changed file is refused."""
    path = lgrun.write("review.py", REVIEW)
    for thread in ("one", "two"):
        lgrun("invoke", "review.py", "topic=a", "-t", thread)
    path.write_text(REVIEW.replace('draft(input["topic"])', 'draft("other")'))

    warned = lgrun("resume", "one", "--value", "yes")
    refused = lgrun("resume", "two", "--value", "yes", "--on-change", "fail")

    assert (warned.code, refused.code) == (3, 6)
    assert "! the code changed" in warned.stderr
    assert (lgrun.folder / "ran.txt").read_text() == "draft\ndraft\n"


def test_moved_file(lgrun: World) -> None:
    """A file that is gone is 4 with what to type; one at the same place of the project is proposed."""
    lgrun.write("one/pyproject.toml", "")
    path = lgrun.write("one/flows/ask.py", ASK)
    lgrun("invoke", "flows/ask.py", "-t", "t", cwd=lgrun.folder / "one")
    (lgrun.folder / "one").rename(lgrun.folder / "two")

    gone = lgrun("resume", "t", "--value", "1")
    moved = lgrun("resume", "t", "--value", "1", cwd=lgrun.folder / "two")
    done = lgrun("resume", "t", "--value", "1", "-w", "two/flows/ask.py")

    assert not path.exists()
    assert gone.code == moved.code == 4
    assert "lgrun resume t -w WORKFLOW" in gone.stderr
    assert "lgrun show t --source > ask.py" in gone.stderr
    assert "lgrun resume t -w flows/ask.py:ask" in moved.stderr
    assert (done.code, done.stdout) == (0, "1\n")


def test_renamed_entrypoint(lgrun: World) -> None:
    """An entrypoint that is gone is 4 and lists those that are there."""
    path = lgrun.write("ask.py", ASK)
    lgrun("invoke", "ask.py", "-t", "t")
    path.write_text(ASK.replace("def ask", "def question"))

    result = lgrun("resume", "t", "--value", "1")

    assert result.code == 4
    assert "ask.py:question" in result.stderr


def test_untrusted_state_names_no_code(lgrun: World) -> None:
    """A state directory that others can write to is not asked which code to run."""
    lgrun.write("ask.py", ASK)
    lgrun("invoke", "ask.py", "-t", "t")
    lgrun.state.chmod(0o770)

    result = lgrun("resume", "t", "--value", "1")

    # The saver itself refuses such a directory, before the command line has to ask for -w.
    assert result.code == 6
    assert str(lgrun.state) in result.stderr


def test_module_with_relative_import(lgrun: World) -> None:
    """A workflow invoked as a module is continued as a module."""
    lgrun.write("pkg/__init__.py", "")
    lgrun.write("pkg/util.py", "X = 7\n")
    lgrun.write("pkg/mod.py", "from .util import X\n" + ASK.replace('interrupt("what?")', '[X, interrupt("what?")]'))
    lgrun("invoke", "pkg.mod:ask", "-t", "t")

    assert lgrun("resume", "t", "--value", "1").stdout == "[7, 1]\n"


def test_stale_bytecode(lgrun: World) -> None:
    """What runs is the source as it is now, even if its time and size are those of an old .pyc."""
    path = lgrun.write("wf.py", HEAD + "@entrypoint()\ndef wf(input: dict):\n    return 1\n")
    stat = path.stat()
    lgrun("invoke", "wf.py")
    path.write_text(path.read_text().replace("return 1", "return 2"))
    import os

    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    assert lgrun("invoke", "wf.py").stdout == "2\n"


def test_the_garbage_collector_is_as_usual(lgrun: World) -> None:
    """lgrun puts it off while it starts. A workflow finds it as in any process, and its own garbage is cleared away."""
    lgrun.write(
        "wf.py",
        HEAD
        + "import gc\nat_import = gc.get_threshold()\n"
        + "class Knot:\n    def __init__(self):\n        self.me, self.file = self, open('kept', 'w')\n"
        + "knot = Knot()\n"
        + "@entrypoint()\ndef wf(input: int) -> list:\n    knot.file.write('written')\n"
        + "    return [at_import, gc.get_threshold(), gc.isenabled()]\n",
    )
    usual = subprocess.run(
        [sys.executable, "-c", "import gc; print(list(gc.get_threshold()))"], capture_output=True, text=True
    ).stdout

    result = lgrun("invoke", "wf.py", "0")

    assert result.json == [*[json.loads(usual)] * 2, True], result
    assert (lgrun.folder / "kept").read_text() == "written"


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("file", ["wf.py", "pack/__init__.py"])
def test_processes_of_a_pool(lgrun: World, method: str, file: str) -> None:
    """Functions of the workflow's file can be called in processes, however these are started."""
    lgrun.write(
        file,
        HEAD
        + """
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

def square(n):
    return n * n

@task
def squares(method):
    with ProcessPoolExecutor(2, get_context(method)) as pool:
        return list(pool.map(square, range(4)))

@entrypoint()
def wf(method: str):
    return squares(method).result()
""",
    )

    ran = lgrun("invoke", file, method)

    assert (ran.code, ran.json) == (0, [0, 1, 4, 9]), ran.stderr
