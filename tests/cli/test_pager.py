"""What is longer than the screen goes through a pager, at a terminal and for commands that look."""

import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from .conftest import Result, World
from .screen import screen
from .sources import ASK, HEAD

Check = Callable[[Result, int, Sequence[str]], None]

LONG = HEAD + '\n@entrypoint()\ndef long(n: int) -> str:\n    return "\\n".join(f"row {i}" for i in range(n))\n'


@pytest.fixture
def long(lgrun: World) -> World:
    """Return a world with a thread whose result has 50 lines, and a pager that notes what it is given."""
    lgrun.write("long.py", LONG)
    lgrun("invoke", "long.py", "50", "-t", "t")
    pager = lgrun.write("pager", '#!/bin/sh\necho "$LESS" > less\ntee paged\necho "this was paged"\n')
    pager.chmod(0o755)
    return lgrun


def shown(lgrun: World, *args: str, lines: int = 24, **env: str) -> str:
    """Return what a person sees of a command that ends by itself."""
    with screen(lgrun, *args, lines=lines, env=env) as terminal:
        assert terminal.end() == 0
        return terminal.text()


def test_less(long: World) -> None:
    """Without any setting it is less: the first page, then what keys ask for, and q ends it."""
    with screen(long, "show", "t", "--result", lines=10) as terminal:
        terminal.until("row 8")
        assert "row 9" not in terminal.text()
        terminal.child.send("G")
        terminal.until("row 49")
        terminal.child.sendintr()
        # What is typed while it takes note of the interrupt is lost.
        while terminal.read():
            terminal.child.send("q")
        assert terminal.end() == 0


def test_which_pager(long: World) -> None:
    """LGRUN_PAGER goes before the configuration, that before PAGER; cat, nothing and --no-pager mean none."""
    show = ("show", "t", "--result")

    def is_paged(*args: str, **env: str) -> bool:
        text = shown(long, *show, *args, **env)
        assert "row 0\n" in text
        assert "row 49" in text
        return "this was paged" in text

    assert is_paged(PAGER="./pager")
    assert (long.folder / "paged").read_text().split("\n")[:2] == ["row 0", "row 1"]
    assert (long.folder / "less").read_text() == "FRX\n"
    assert is_paged(PAGER="cat", LGRUN_PAGER="./pager", LESS="-S")
    assert (long.folder / "less").read_text() == "-S\n"
    assert not is_paged(PAGER="./pager", LGRUN_PAGER="")
    assert not is_paged("--no-pager", LGRUN_PAGER="./pager")
    long("config", "pager", "./pager | cat")
    assert is_paged(PAGER="cat")
    assert not is_paged(LGRUN_PAGER="cat")


@pytest.mark.parametrize("file", ["lgrun.toml", "pyproject.toml"])
def test_a_project_names_no_program(long: World, file: str, assert_one_message: Check) -> None:
    """Whoever looks around in the files of somebody else runs nothing of theirs."""
    table = "[tool.lgrun]\n" if file == "pyproject.toml" else ""
    long.write(file, f'{table}pager = "touch {long.folder}/ran; cat"\n')
    message = [f"{long.folder}/{file}: pager is a program", "lgrun config pager PROGRAM"]

    shown(long, "help", "files", lines=8, PAGER="cat")
    with screen(long, "show", "t", "--result", env={}) as terminal:
        assert terminal.end() == 2
    assert not (long.folder / "ran").exists()
    assert_one_message(long("config"), 2, message)
    if not table:
        assert_one_message(long("config", "pager", "less", "--project"), 2, message)
        assert long("config", "--unset", "pager", "--project").code == 0
        assert "row 49" in shown(long, "show", "t", "--result", PAGER="cat")


def test_when_there_is_no_pager(long: World) -> None:
    """A program that is not there is no reason to show nothing."""
    text = shown(long, "show", "t", "--result", LGRUN_PAGER="no-such-program")

    assert "row 0" in text
    assert "row 49" in text


@pytest.mark.parametrize(
    ("args", "lines", "env"),
    [
        (["show", "t", "--result"], 52, {}),
        (["show", "t", "--result", "--no-input"], 24, {}),
        (["show", "t", "--result"], 24, {"TERM": "dumb"}),
        (["list"], 24, {}),
        (["resume", "t"], 24, {}),
        (["invoke", "long.py", "60"], 24, {}),
    ],
)
def test_what_is_not_paged(long: World, args: list[str], lines: int, env: dict[str, str]) -> None:
    """What fits; where no key may be waited for; what a run says."""
    assert "this was paged" not in shown(long, *args, lines=lines, LGRUN_PAGER="./pager", **env)


@pytest.mark.parametrize("args", [["help", "invoke"], ["show", "t", "--json"], ["schema", "run"], ["config"]])
def test_what_is_paged(long: World, args: list[str]) -> None:
    """Help, documents and lists."""
    assert "this was paged" in shown(long, *args, lines=8, LGRUN_PAGER="./pager")


def test_a_pipe_is_never_paged(long: World) -> None:
    """A program gets all of it at once."""
    assert long("show", "t", "--result", env={"LGRUN_PAGER": "./pager"}).json.startswith("row 0\n")


def test_a_person_who_leaves_early(long: World) -> None:
    """Who has seen enough has made no mistake."""
    text = shown(long, "show", "t", "--result", LGRUN_PAGER="head -n 1")

    assert text.split("\n") == ["row 0"]


def test_control_characters(lgrun: World) -> None:
    """Nothing that a workflow says controls the terminal through a pager."""
    lgrun.write("ask.py", ASK.replace('interrupt("what?")', '"\\x1b]0;owned\\x07\\n" * 60'))
    lgrun("invoke", "ask.py", "-t", "t")

    with screen(lgrun, "show", "t", "--result", env={"LGRUN_PAGER": "cat -u"}) as terminal:
        assert terminal.end() == 0
        assert terminal.strange() == set()
        assert "\\x1b]0;owned\\x07" in terminal.text()


def test_ctrl_c_belongs_to_the_pager(long: World) -> None:
    """It does not end lgrun while the pager runs."""
    pager = Path(long.folder / "waits")
    pager.write_text(
        "#!/bin/sh\ntrap 'echo caught; exit 0' INT\ncat >/dev/null\necho ready\nwhile :; do sleep 0.1; done\n"
    )
    pager.chmod(0o755)

    with screen(long, "show", "t", "--result", env={"LGRUN_PAGER": "./waits"}) as terminal:
        terminal.until("ready")
        terminal.child.kill(signal.SIGINT)
        terminal.child.sendintr()
        terminal.until("caught")
        assert terminal.end() == 0
