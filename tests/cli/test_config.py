"""The settings: which one counts, how they are printed and written, and what is said of mistakes."""

import os
import stat
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

import jsonschema
import platformdirs
import pytest

from lgrun._configuration import user_path
from lgrun._folders import user_folder
from lgrun.cli.configuration import KEYS
from lgrun.cli.published import SCHEMAS

from .conftest import Result, World
from .screen import screen
from .sources import HELLO, TYPED
from .test_completion import offered

Check = Callable[[Result, int, Sequence[str]], None]


def own_file(lgrun: World) -> Path:
    """Return the person's own file."""
    return lgrun.config / "lgrun" / "config.toml"


def rows(lgrun: World, *args: str, env: dict[str, str] = {}) -> dict[str, tuple[str, str]]:
    """Return what `lgrun config` lists: value and origin by key."""
    lines = [line.split("\t") for line in lgrun("config", *args, env=env).stdout.splitlines()]
    return {key: (value, origin) for key, value, origin in lines}


def test_what_holds_if_nobody_says_anything(lgrun: World) -> None:
    """Every setting has a line: key, value, origin; nothing is created."""
    found = rows(lgrun)

    assert list(found) == list(KEYS)
    assert found.pop("state_dir") == (str(lgrun.state), "LGRUN_STATE_DIR")
    assert found == {
        "store_input": ("true", "default"),
        "workflows": ("", "default"),
        "path": ("", "default"),
        "on_change": ("warn", "default"),
        "events": ("task,custom", "default"),
        "env_file": ("", "default"),
        "pager": ("less", "default"),
        "color": ("auto", "default"),
    }
    assert (lgrun.files(), lgrun.config.exists(), os.listdir(lgrun.folder)) == ([], False, [])


def test_the_order(lgrun: World) -> None:
    """An option goes before a variable, that before the project, that before the person's file."""
    below = lgrun.folder / "a" / "b"
    below.mkdir(parents=True)

    def found(*args: str, **env: str) -> tuple[str, str]:
        result = lgrun("config", "--json", *args, cwd=below, env={"LGRUN_STATE_DIR": "", **env})
        row = next(row for row in result.json["settings"] if row["key"] == "state_dir")
        assert lgrun("config", "state_dir", *args, cwd=below, env={"LGRUN_STATE_DIR": "", **env}).stdout == (
            f"{row['value']}\n"
        )
        return row["value"], row["where"] or row["origin"]

    home = {"XDG_STATE_HOME": str(lgrun.folder / "home")}
    assert found(**home) == (f"{lgrun.folder}/home/lgrun", "default")
    own_file(lgrun).parent.mkdir(parents=True)
    own_file(lgrun).write_text('state_dir = "mine"\n')
    assert found() == (f"{lgrun.config}/lgrun/mine", str(own_file(lgrun)))
    lgrun.write("pyproject.toml", '[tool.lgrun]\nstate_dir = "project"\n')
    assert found() == (f"{lgrun.folder}/project", f"{lgrun.folder}/pyproject.toml")
    lgrun.write("a/pyproject.toml", "[tool.other]\n")
    assert found() == (f"{lgrun.folder}/project", f"{lgrun.folder}/pyproject.toml")
    lgrun.write("a/lgrun.toml", 'state_dir = "nearer"\n')
    assert found() == (f"{lgrun.folder}/a/nearer", f"{lgrun.folder}/a/lgrun.toml")
    assert found(LGRUN_STATE_DIR="variable") == (f"{below}/variable", "LGRUN_STATE_DIR")
    assert found("-S", "option", LGRUN_STATE_DIR="variable") == (f"{below}/option", "--state-dir")


def test_a_setting_that_the_nearer_file_does_not_make(lgrun: World) -> None:
    """What the project does not say, the person's file does."""
    lgrun.write("lgrun.toml", 'on_change = "fail"\n')
    own_file(lgrun).parent.mkdir(parents=True)
    own_file(lgrun).write_text('on_change = "ask"\npath = ["lib"]\nstore_input = false\n')

    found = rows(lgrun, env={"LGRUN_EVENTS": "task, token"})

    assert found["on_change"] == ("fail", f"{lgrun.folder}/lgrun.toml")
    assert found["path"] == (f"{lgrun.config}/lgrun/lib", str(own_file(lgrun)))
    assert found["store_input"] == ("false", str(own_file(lgrun)))
    assert found["events"] == ("task,token", "LGRUN_EVENTS")


@pytest.mark.parametrize(
    ("args", "env", "expected"),
    [
        ([], {}, ("never", "lgrun.toml")),
        ([], {"FORCE_COLOR": "1"}, ("always", "FORCE_COLOR")),
        ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, ("never", "NO_COLOR")),
        ([], {"NO_COLOR": "1", "LGRUN_COLOR": "always"}, ("always", "LGRUN_COLOR")),
        (["--color", "auto"], {"NO_COLOR": "1", "LGRUN_COLOR": "always"}, ("auto", "--color")),
    ],
)
def test_colours(lgrun: World, args: list[str], env: dict[str, str], expected: tuple[str, str]) -> None:
    """Of colours, customary variables speak too; what is said is what is done."""
    lgrun.write("lgrun.toml", 'color = "never"\n')

    value, origin = rows(lgrun, *args, env=env)["color"]

    assert (value, Path(origin).name) == expected
    shown = lgrun("show", "unknown", *args, env=env).stderr
    assert ("\x1b[31m✗" in shown) == (value == "always")


def test_colours_of_a_wrong_option(lgrun: World) -> None:
    """Also a mistake that is found before anything else has the colours that are configured."""
    lgrun.write("lgrun.toml", 'color = "always"\n')

    assert "\x1b[31m✗" in lgrun("list", "--nonsense").stderr


def test_documents(lgrun: World) -> None:
    """Lists and single settings have a published schema."""
    lgrun.write("lgrun.toml", '[workflows]\nreview = "src/review.py:main"\n')
    listed = lgrun("config", "--json").json
    single = lgrun("config", "workflows.review", "--json").json
    written = lgrun("config", "color", "never", "--json").json
    checked = lgrun("doctor", "--json").json

    for document, name in ((listed, "config"), (single, "setting"), (written, "setting"), (checked, "doctor")):
        jsonschema.validate(document, SCHEMAS[name], cls=jsonschema.Draft202012Validator)
    assert single["value"] == f"{lgrun.folder}/src/review.py:main"
    assert (written["value"], written["where"]) == ("never", str(own_file(lgrun)))
    assert {row["key"]: row["value"] for row in checked["settings"]}["color"] == "never"


def test_on_a_terminal(lgrun: World) -> None:
    """A person gets a table with a header; doctor says the same, and then what it has found."""
    with screen(lgrun, "config", columns=100) as terminal:
        assert terminal.end() == 0
        assert terminal.lines()[0].split() == ["KEY", "VALUE", "FROM"]
        assert "on_change    warn" in terminal.text()

    lines = lgrun("doctor").stdout.splitlines()
    assert f"· state_dir    {lgrun.state}  (LGRUN_STATE_DIR)" in lines
    assert lines[-1] == f"✓ {lgrun.state} is in order"
    assert lgrun("doctor", "-q").stdout.splitlines() == lines[-1:]


# --- writing


@pytest.mark.parametrize(
    ("key", "typed", "written", "shown"),
    [
        ("on_change", "ask", "ask", "ask"),
        ("store_input", "no", False, "false"),
        ("events", "token,task", ["token", "task"], "token,task"),
        ("pager", "less -S", "less -S", "less -S"),
        ("pager", "", "", ""),
        ("color", "never", "never", "never"),
        ("env_file", "~/.env", "~/.env", os.path.expanduser("~/.env")),
    ],
)
def test_set_and_unset(lgrun: World, key: str, typed: str, written: object, shown: str) -> None:
    """What is set stands in the person's own file, holds, and can be taken out again."""
    result = lgrun("config", key, typed)

    assert (result.code, result.stdout) == (0, "")
    assert result.stderr.startswith(f"✓ {own_file(lgrun)}: {key} = ")
    assert tomllib.loads(own_file(lgrun).read_text()) == {key: written}
    assert lgrun("config", key).stdout == f"{shown}\n"
    assert lgrun("config", key, "--unset").code == 0
    assert own_file(lgrun).read_text() == ""
    again = lgrun("config", "--unset", key)
    assert (again.code, again.stderr) == (0, f"{key} is not set in {own_file(lgrun)}\n")


def test_paths_mean_the_same_in_the_file(lgrun: World) -> None:
    """A path is typed relative to the current folder, and stands in the file so that it means that place."""
    (lgrun.folder / "sub").mkdir()
    lgrun.write(".git/config", "")

    lgrun("config", "path", f"lib:{lgrun.state}", cwd=lgrun.folder / "sub")
    lgrun("config", "path", f"lib:{lgrun.state}", "--project", cwd=lgrun.folder / "sub")
    lgrun("config", "workflows.one", "one.py:main", "--project", cwd=lgrun.folder / "sub")
    lgrun("config", "workflows.two", "pkg.mod:two", "--project")

    assert tomllib.loads(own_file(lgrun).read_text()) == {"path": [f"{lgrun.folder}/sub/lib", str(lgrun.state)]}
    assert tomllib.loads((lgrun.folder / "lgrun.toml").read_text()) == {
        "path": ["sub/lib", str(lgrun.state)],
        "workflows": {"one": "sub/one.py:main", "two": "pkg.mod:two"},
    }
    assert lgrun("config", "workflows").stdout == f"one\t{lgrun.folder}/sub/one.py:main\ntwo\tpkg.mod:two\n"
    assert lgrun("config", "workflows.one", "--unset", "--project").code == 0
    assert lgrun("config", "workflows.one").code == 2


def test_names_and_folders_lead_to_workflows(lgrun: World, tmp_path: Path) -> None:
    """A name that was set, and a file in a folder that was set, can be run from elsewhere."""
    lgrun.write("src/three.py", HELLO)
    lgrun.write("lib/four.py", HELLO)
    lgrun("config", "workflows.three", "src/three.py:hello")
    lgrun("config", "path", "lib")

    for name in ("three", "four"):
        assert lgrun("invoke", name, "Ann", cwd=tmp_path).stdout == '"hello Ann"\n'
    listed = lgrun("workflows", "-q", cwd=tmp_path, env={"LGRUN_PATH": ""})
    assert listed.stdout.split() == ["three", "four"]


def test_langgraph_json(lgrun: World) -> None:
    """Its graphs have names here too; those of lgrun.toml go before them."""
    lgrun.write("src/three.py", HELLO)
    lgrun.write("langgraph.json", '{"graphs": {"three": "./src/three.py:hello", "other": "./no.py:x", "odd": {}}}')
    lgrun.write("lgrun.toml", '[workflows]\nother = "src/three.py"\n')

    assert lgrun("invoke", "three", "Ann").stdout == '"hello Ann"\n'
    assert lgrun("invoke", "other", "Ann").stdout == '"hello Ann"\n'
    assert rows(lgrun)["workflows.three"][1] == f"{lgrun.folder}/langgraph.json"
    lgrun.write("langgraph.json", "{")
    assert lgrun("workflows").code == 2


def test_what_goes_before_is_said(lgrun: World) -> None:
    """Who sets what a variable or the project overrides is told so."""
    lgrun.write("lgrun.toml", 'on_change = "fail"\n')

    result = lgrun("config", "on_change", "ask")
    other = lgrun("config", "color", "never", env={"NO_COLOR": "", "FORCE_COLOR": "1"})

    assert result.stderr.endswith(f"! but {lgrun.folder}/lgrun.toml says fail\n")
    assert "! but FORCE_COLOR says always" in other.stderr.replace("\x1b[33m", "").replace("\x1b[0m", "")


def test_comments_are_kept(lgrun: World, assert_one_message: Check) -> None:
    """A file with comments is not rewritten; the message has the line, and it is right where it says."""
    text = '# mine\non_change = "warn" # so\n\n[workflows]\none = "one.py"\n'
    file = lgrun.write("lgrun.toml", text)

    for key, value, words in (
        ("on_change", "fail", ["in the place of on_change, which is in line 2 of", '  on_change = "fail"\n']),
        ("color", "never", [f"add this line to {file}, above its first [table]", '  color = "never"\n']),
        ("path", "a b:c", ['  path = ["a b", "c"]\n']),
        ("workflows.one", "2.py", ["which is in line 5 of", '  one = "2.py"\n']),
        ("workflows.two", "2.py", ["under [workflows]", '  two = "2.py"\n']),
    ):
        result = lgrun("config", key, value, "--project")
        assert_one_message(result, 2, [f"{file} has comments, which would be lost", *words])
    assert_one_message(lgrun("config", "on_change", "--unset", "--project"), 2, ["take out line 2 of"])
    assert file.read_text() == text

    assert lgrun("config", "on_change", "fail", "--project", "--force").code == 0
    assert tomllib.loads(file.read_text()) == {"on_change": "fail", "workflows": {"one": "one.py"}}


@pytest.mark.parametrize("text", ['state_dir = "a # b"\n', "state_dir = '#'\n", 'state_dir = """\n#"\\"""""\n'])
def test_a_number_sign_in_a_text_is_no_comment(lgrun: World, text: str) -> None:
    """Only comments count as such."""
    file = lgrun.write("lgrun.toml", text)

    assert lgrun("config", "color", "never", "--project").code == 0
    assert tomllib.loads(file.read_text()) == {**tomllib.loads(text), "color": "never"}
    file.write_text(f"{text}# x\n")
    assert lgrun("config", "color", "auto", "--project").code == 2


def test_pyproject_is_never_rewritten(lgrun: World, assert_one_message: Check) -> None:
    """Also with --force; and no lgrun.toml appears beside it, which would hide what it says."""
    text = '[tool.lgrun]\non_change = "fail"\n'
    lgrun.write("pyproject.toml", text)

    result = lgrun("config", "color", "never", "--project", "--force")

    words = ["pyproject.toml is never rewritten", "/pyproject.toml, under [tool.lgrun]:\n", '  color = "never"\n']
    assert_one_message(result, 2, words)
    assert os.listdir(lgrun.folder) == ["pyproject.toml"]
    assert (lgrun.folder / "pyproject.toml").read_text() == text


def test_where_the_file_of_a_project_is_made(lgrun: World) -> None:
    """At the root of the project; without one, in the current folder."""
    below = lgrun.folder / "a"
    below.mkdir()

    lgrun("config", "color", "never", "--project", cwd=below)
    assert (below / "lgrun.toml").exists()
    (below / "lgrun.toml").unlink()
    lgrun.write("pyproject.toml", "[project]\n# no settings of lgrun here\n")
    lgrun("config", "color", "never", "--project", cwd=below)
    assert (lgrun.folder / "lgrun.toml").exists()
    assert stat.S_IMODE((lgrun.folder / "lgrun.toml").stat().st_mode) == 0o644


def test_links_and_permissions_stay(lgrun: World) -> None:
    """A file kept elsewhere is written there; who may read it stays as it was."""
    kept = lgrun.write("dotfiles/lgrun.toml", 'color = "auto"\n')
    kept.chmod(0o600)
    own_file(lgrun).parent.mkdir(parents=True)
    own_file(lgrun).symlink_to(kept)

    assert lgrun("config", "color", "never").code == 0
    assert (own_file(lgrun).is_symlink(), kept.read_text()) == (True, 'color = "never"\n')
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert os.listdir(kept.parent) == ["lgrun.toml"]


def test_a_disk_that_refuses(lgrun: World, assert_one_message: Check) -> None:
    """What cannot be written is 74."""
    lgrun.write("config", "")
    result = lgrun("config", "color", "never", env={"XDG_CONFIG_HOME": str(lgrun.folder / "config")})

    assert_one_message(result, 74, ["cannot write", "/config/lgrun/config.toml", "nothing was changed"])


# --- mistakes


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["on_chnge"], ["there is no setting on_chnge", "did you mean on_change?"]),
        (["zzz"], ["there is no setting zzz", "there are state_dir, "]),
        (["on_chnge", "fail"], ["did you mean on_change?"]),
        (["--unset", "on_chnge"], ["did you mean on_change?"]),
        (["on_change", "fial"], ['on_change: expected one of warn, ask, fail, ignore, got "fial"', "mean fail?"]),
        (["store_input", "perhaps"], ['store_input: expected true or false, got "perhaps"']),
        (["events", "task,tokens"], ["expected a list of task, custom, token, checkpoint", "did you mean token?"]),
        (["state_dir", ""], ['state_dir: expected a path, got ""']),
        (["workflows", "x"], ["lgrun config workflows.NAME path.py"]),
        (["workflows.a b", "x.py"], ["'a b' is no name for a workflow"]),
        (["workflows.x", ""], ["workflows.x: expected path.py"]),
        (["workflows.x"], ["no workflow is named x"]),
        (["--unset"], ["--unset needs the KEY"]),
        (["color", "never", "--unset"], ["--unset needs the KEY and nothing else"]),
        (["color", "--project"], ["--project is for setting"]),
    ],
)
def test_mistakes(lgrun: World, assert_one_message: Check, args: list[str], words: list[str]) -> None:
    """A mistake is 2, and nothing is written."""
    assert_one_message(lgrun("config", *args), 2, words)
    assert (lgrun.files(), lgrun.config.exists(), os.listdir(lgrun.folder)) == ([], False, [])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('colour = "never"', ["there is no setting colour", "did you mean color?"]),
        ('on_change = "asks"', ["on_change: expected one of", 'got "asks"', "did you mean ask?"]),
        ("store_input = 1", ["store_input: expected true or false, got 1"]),
        ("state_dir = 1979-05-27", ["state_dir: expected a path, got 1979-05-27"]),
        ('path = "lib"', ['path: expected a list of paths, got "lib"']),
        ('events = ["task", "custm"]', ["events: expected a list of", "did you mean custom?"]),
        ("[workflows]\nx = 1", ["workflows: expected a table of names and workflows"]),
        ("on_change =", ["Invalid value"]),
    ],
)
@pytest.mark.parametrize("file", ["lgrun.toml", "own"])
def test_wrong_files(lgrun: World, assert_one_message: Check, text: str, words: list[str], file: str) -> None:
    """One error that names file and key."""
    path = own_file(lgrun) if file == "own" else lgrun.folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)

    assert_one_message(lgrun("list"), 2, [str(path), *words])


def test_commands_and_wrong_files(lgrun: World, assert_one_message: Check) -> None:
    """Every command that works with settings says so before anything is created; help can still be had."""
    lgrun.write("lgrun.toml", 'colour = "never"')
    lgrun.write("hello.py", HELLO)

    for command in (["invoke", "hello.py", "Ann"], ["config"], ["doctor"], ["show", "t"], ["workflows"]):
        assert_one_message(lgrun(*command), 2, [f"{lgrun.folder}/lgrun.toml: there is no setting colour"])
    assert lgrun.files() == []
    for command in (["help", "files"], ["schema"], ["completion", "bash"], ["list", "-h"]):
        result = lgrun(*command)
        assert (result.code, result.stderr) == (0, "")


def test_an_unknown_key_can_be_taken_out(lgrun: World) -> None:
    """What makes a file unusable can be put right with the command that complains."""
    lgrun.write("lgrun.toml", 'colour = "never"\non_change = "fail"\n')

    assert lgrun("config").code == 2
    assert lgrun("config", "--unset", "colour", "--project").code == 0
    assert rows(lgrun)["on_change"] == ("fail", f"{lgrun.folder}/lgrun.toml")


def test_wrong_variables(lgrun: World, assert_one_message: Check) -> None:
    """A variable is checked when its setting is needed."""
    lgrun.write("typed.py", TYPED)

    wrong = {"LGRUN_ON_CHANGE": "asks"}
    assert_one_message(lgrun("invoke", "typed.py", "topic=x", env=wrong), 2, ["LGRUN_ON_CHANGE: ", "did you mean ask?"])
    assert_one_message(lgrun("config", env={"LGRUN_COLOR": "red"}), 2, ["LGRUN_COLOR: expected one of auto"])
    assert lgrun.files() == []


# --- what else settings do


def test_arguments_are_not_kept(lgrun: World) -> None:
    """With store_input off, no record has a summary of arguments; the input itself is needed to go on."""
    lgrun.write("hello.py", HELLO)
    lgrun("invoke", "hello.py", "canary", "-t", "kept")
    lgrun("config", "store_input", "false", "--project")
    lgrun("invoke", "hello.py", "canary", "-t", "not")

    def journal(thread: str) -> str:
        return (lgrun.state / "threads" / thread / "00000001.writes.jsonl").read_text()

    assert '"args":' in journal("kept")
    assert '"args":' not in journal("not")
    assert lgrun("show", "not", "--result").json == "hello canary"


def test_completion(lgrun: World) -> None:
    """Keys with what they are for, and what they may be."""
    assert offered(lgrun, "config", "on") == {"on_change": KEYS["on_change"].about}
    assert offered(lgrun, "config", "on_change", "").keys() == {"warn", "ask", "fail", "ignore"}
    assert offered(lgrun, "config", "store_input", "").keys() == {"true", "false"}
    assert offered(lgrun, "config", "workflows.x", "").keys() == {":files"}
    assert offered(lgrun, "invoke", "x.py", "--env-file", "").keys() == {":files"}


def test_the_users_folders_are_where_platformdirs_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Linux the places are worked out without the library; they are the same ones."""
    for home in (str(tmp_path), "/", f"{tmp_path}/", "relative", None):
        for base in (str(tmp_path), f"{tmp_path}/", "", "  ", " /x", "relative", None):
            values = {"HOME": home, "XDG_CONFIG_HOME": base, "XDG_STATE_HOME": base}
            for variable, value in values.items():
                if value is None:
                    monkeypatch.delenv(variable, raising=False)
                else:
                    monkeypatch.setenv(variable, value)
            assert user_path() == os.path.join(platformdirs.user_config_dir("lgrun"), "config.toml")
            assert user_folder("state") == platformdirs.user_state_dir("lgrun")


def test_start_up(lgrun: World) -> None:
    """A command without configuration files loads nothing to read or write them."""
    code = (
        "import atexit, sys; from lgrun.cli.main import main; sys.argv[1:] = ['list']\n"
        "atexit.register(lambda: print(sorted({'tomllib', 'tomli_w', 'platformdirs',"
        " 'lgrun.cli.configuring', 'lgrun.cli.env_file', 'lgrun.cli.pager'} & set(sys.modules))))\n"
        "sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=lgrun.folder, env=lgrun.env(), capture_output=True, text=True
    )

    assert (done.returncode, done.stdout) == (0, "[]\n")
