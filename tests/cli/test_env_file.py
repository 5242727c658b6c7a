"""--env-file: variables for the code of workflows, from a file; their values are recorded nowhere."""

from collections.abc import Callable, Sequence

import pytest

from lgrun.cli.env_file import BadLine, parse

from .conftest import Result, World
from .sources import HEAD

Check = Callable[[Result, int, Sequence[str]], None]

CANARY = "canary-5e9a"

READS = (
    HEAD
    + """
import os, subprocess

AT_IMPORT = os.environ.get("TOKEN")

@task
def look() -> dict:
    told = subprocess.run(["printenv", "TOKEN"], capture_output=True, text=True).stdout.strip()
    return {"import": bool(AT_IMPORT), "child": bool(told), "size": len(os.environ.get("TOKEN", ""))}

@entrypoint()
def reads(input: dict) -> dict:
    seen = look().result()
    interrupt("go on?")
    return {**seen, "later": bool(os.environ.get("TOKEN"))}
"""
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("# a\n\n   \n  # b", {}),
        ("A=1", {"A": "1"}),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        (" export A = a b  \nB=", {"A": "a b", "B": ""}),
        ("A=a#b # c\nB= # nothing\nC=x #", {"A": "a#b", "B": "", "C": "x"}),
        ("A=x=y==", {"A": "x=y=="}),
        ("A=it's", {"A": "it's"}),
        ("A='a # b \\n ${X} \"'  # c", {"A": 'a # b \\n ${X} "'}),
        ('A="a\\n\\t\\"b\\" \\\\ \\$ # ç \\d"', {"A": 'a\n\t"b" \\ $ # ç \\d'}),
        ("A=\"one\ntwo\"\nB='three\n\nfour'\nC=5", {"A": "one\ntwo", "B": "three\n\nfour", "C": "5"}),
        ("A=1\nA=2", {"A": "2"}),
        ("A=$x $(y) `z`", {"A": "$x $(y) `z`"}),
        ('A="\\${x}"', {"A": "${x}"}),
    ],
)
def test_the_form(text: str, found: dict[str, str]) -> None:
    """What each kind of line means."""
    assert parse(text) == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A=1\nsecret", "line 2 is not of the form NAME=value"),
        ("A=1\n\nB='secret", "line 3 is not"),
        ('A="secret\\"', "line 1 is not"),
        ("A='x' secret", "line 1 is not"),
        ('A="x"secret', "line 1 is not"),
        ("A='x'#secret", "line 1 is not"),
        ("1A=secret", "line 1 is not"),
        ("A-B=secret", "line 1 is not"),
        ("A: secret", "line 1 is not"),
        ("=secret", "line 1 is not"),
        ("A=secret${B}", "line 1: nothing is put in for ${...} in A"),
        ("A='\n'\nB=\"${secret}\"", "line 3: nothing is put in for ${...} in B"),
        ("A=sec\0ret", "line 1: a variable cannot hold a NUL"),
    ],
)
def test_what_is_not_of_the_form(text: str, message: str) -> None:
    """The line is named, what stands in it is not: it may be a secret."""
    with pytest.raises(BadLine) as caught:
        parse(text)

    assert str(caught.value).startswith(message)
    assert "secret" not in str(caught.value)


def test_what_the_code_gets(lgrun: World) -> None:
    """Code has the variables while it is loaded, while it runs, and in its programs; nothing of them is kept."""
    lgrun.write("reads.py", READS)
    lgrun.write(".env", f"TOKEN={CANARY}\n")

    first = lgrun("invoke", "reads.py", "-t", "t", "--env-file", ".env", "--json")
    second = lgrun("resume", "t", "--value", "yes", "--env-file", ".env")

    assert (first.code, second.code) == (3, 0)
    assert second.json == {"import": True, "child": True, "size": len(CANARY), "later": True}
    files = [path for path in lgrun.state.rglob("*") if path.is_file()]
    assert len(files) >= 4
    assert [path for path in files if CANARY.encode() in path.read_bytes()] == []
    assert CANARY not in first.stdout + first.stderr + second.stderr


def test_the_next_command_names_the_file(lgrun: World) -> None:
    """What is shown to be typed next would run with the same variables."""
    lgrun.write("reads.py", READS)
    lgrun.write("my env", "A=1\n")

    result = lgrun("invoke", "reads.py", "-t", "t", "--env-file", "my env")

    assert "lgrun resume t --value VALUE --env-file 'my env'\n" in result.stderr


def test_what_is_set_already_stays(lgrun: World) -> None:
    """A variable of the environment goes before the file, also an empty one."""
    lgrun.write("reads.py", READS)
    lgrun.write(".env", "TOKEN=12345\n")

    for env, size in ({"TOKEN": "123"}, 3), ({"TOKEN": ""}, 0), ({}, 5):
        lgrun("invoke", "reads.py", "-t", f"t{size}", "--env-file", ".env", env=env)
        assert lgrun("show", f"t{size}/look", "--get", "value.size").json == size


def test_which_file(lgrun: World) -> None:
    """The option, the variable, lgrun.toml, langgraph.json of the project, the person's own file: the first counts."""
    lgrun.write("reads.py", READS)
    for number, name in enumerate(("own", "foreign", "project", "variable", "option"), 1):
        lgrun.write(f"env/{name}", f"TOKEN={'x' * number}\n")

    def size(*args: str, **env: str) -> int:
        lgrun("invoke", "reads.py", "-t", "t", "--discard", *args, env=env)
        return int(lgrun("show", "t/look", "--get", "value.size").stdout)

    assert size() == 0
    lgrun("config", "env_file", "env/own")
    assert size() == 1
    lgrun.write("langgraph.json", '{"env": "./env/foreign"}')
    assert size() == 2
    assert lgrun("config", "--get", "settings.6.where").stdout == f"{lgrun.folder}/langgraph.json\n"
    lgrun.write("lgrun.toml", 'env_file = "env/project"')
    assert size() == 3
    assert size(LGRUN_ENV_FILE="env/variable") == 4
    assert size("--env-file", "env/option", LGRUN_ENV_FILE="env/variable") == 5


def test_variables_in_langgraph_json(lgrun: World, assert_one_message: Check) -> None:
    """Its `env` may be a table."""
    lgrun.write("reads.py", READS)
    lgrun.write("langgraph.json", f'{{"env": {{"TOKEN": "{CANARY}"}}}}')

    lgrun("invoke", "reads.py", "-t", "t")

    assert lgrun("show", "t/look", "--get", "value.size").json == len(CANARY)
    assert CANARY not in lgrun("config").stdout + lgrun("doctor", "--json").stdout
    lgrun.write("langgraph.json", '{"env": {"TOKEN": 1}}')
    assert_one_message(lgrun("invoke", "reads.py", "-t", "u"), 2, ["is no table of texts"])


@pytest.mark.parametrize("command", [["invoke", "reads.py", "-t", "t"], ["resume", "t"]])
def test_mistakes(lgrun: World, assert_one_message: Check, command: list[str]) -> None:
    """A file that is not there or cannot be understood is 2 before anything is created."""
    lgrun.write("reads.py", READS)
    lgrun.write(".env", f"A=1\n{CANARY}\n")
    (lgrun.folder / "binary").write_bytes(b"A=\xff")

    missing = lgrun(*command, "--env-file", ".evn")
    assert_one_message(missing, 2, ["--env-file: no such file: .evn", "did you mean .env?"])
    assert_one_message(lgrun(*command, env={"LGRUN_ENV_FILE": "no/x"}), 2, ["LGRUN_ENV_FILE: no such file: no/x"])
    wrong = lgrun(*command, "--env-file", ".env")
    assert_one_message(wrong, 2, [".env: line 2 is not of the form NAME=value"])
    assert CANARY not in wrong.stderr
    assert_one_message(lgrun(*command, "--env-file", "binary"), 2, ["binary is not UTF-8 text (byte 2)"])
    assert_one_message(lgrun(*command, "--env-file", "."), 2, ["cannot read", "Is a directory"])
    assert lgrun.files() == []


def test_a_configured_file_that_is_not_there(lgrun: World) -> None:
    """It need not be on every machine: that is said, and the run goes on."""
    lgrun.write("reads.py", READS)
    lgrun.write("lgrun.toml", 'env_file = ".env"')

    result = lgrun("invoke", "reads.py", "-t", "t")

    assert (result.code, result.stderr.split("\n")[0]) == (3, "! there is no .env, which lgrun.toml names")


def test_variables_of_lgrun_itself(lgrun: World) -> None:
    """They do not change where this command keeps its threads, and that is said."""
    lgrun.write("reads.py", READS)
    lgrun.write(".env", "LGRUN_STATE_DIR=elsewhere\nLGRUN_ON_CHANGE=fail\n")

    result = lgrun("invoke", "reads.py", "-t", "t", "--env-file", ".env")

    assert result.stderr.startswith("! LGRUN_STATE_DIR in .env is not read from there: put state_dir into lgrun.toml\n")
    assert lgrun.threads() == ["t"]
    assert not (lgrun.folder / "elsewhere").exists()
