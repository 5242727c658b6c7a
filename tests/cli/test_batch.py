"""batch: one thread per line, several at a time, and given again only what is not done runs."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from lgrun.cli.published import SCHEMAS
from lgrun.cli.render.progress import Pace

from .batch_kills import killed_twice
from .conftest import LGRUN, Result, World
from .screen import screen
from .sources import HEAD, HELLO, SLOW, TYPED

Check = Callable[[Result, int, Sequence[str]], None]

JOB = (
    HEAD
    + """
import os

@task
def note(n: int) -> int:
    # One write, so that those of several processes cannot be mixed.
    file = os.open("ran", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, f"{n}\\n".encode())
    os.close(file)
    return n

@task
def act(how: str | None) -> None:
    if os.path.exists("mended"):
        return
    if how == "fail":
        raise ValueError("no such thing")
    if how == "exit":
        os._exit(7)
    if how == "kill":
        os.kill(os.getpid(), 9)

@entrypoint()
def job(input: dict):
    n = note(input["n"]).result()
    act(input.get("how")).result()
    if input.get("how") == "ask":
        return interrupt("go on?")
    if input.get("how") == "print":
        print("said by the workflow")
    return n * n
"""
)

HOLD = (
    HEAD
    + """
import os, signal, time

def handlers():
    return signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

@task
def hold(n: int) -> int:
    before = handlers()
    open(f"begun-{n}", "w").close()
    while not os.path.exists("go"):
        time.sleep(0.01)
        if handlers() != before:
            open(f"told-{n}", "w").close()
    time.sleep(0.2)
    return n

@task
def after(n: int) -> int:
    open(f"after-{n}", "w").close()
    return n

@entrypoint()
def held(input: dict) -> int:
    return after(hold(input["n"]).result()).result()
"""
)


def ndjson(*values: object) -> str:
    """Return one line per value."""
    return "".join(json.dumps(value) + "\n" for value in values)


def results(text: str) -> list[Any]:
    """Return the documents of a batch, each checked against the published schema."""
    found = [json.loads(line) for line in text.splitlines()]
    for document in found:
        jsonschema.validate(document, SCHEMAS["batch"], cls=jsonschema.Draft202012Validator)
    return found


def ran(lgrun: World) -> list[int]:
    """Return for which inputs the first task ran, as often as it did."""
    path = lgrun.folder / "ran"
    return sorted(int(n) for n in path.read_text().split()) if path.exists() else []


def test_more_at_a_time_than_files_may_be_open(lgrun: World) -> None:
    """So many work at a time as there can be."""
    lgrun.write("job.py", JOB)
    lines = "".join(f'{{"n": {n}}}\n' for n in range(60))

    command = ["sh", "-c", f"ulimit -n 64; exec {LGRUN} batch job.py - --concurrency 60"]
    done = subprocess.run(
        command, cwd=lgrun.folder, env=lgrun.env(), input=lines, capture_output=True, text=True, timeout=120
    )

    assert "! 16 at a time instead of 60" in done.stderr
    assert (done.returncode, len(results(done.stdout))) == (0, 60)


def test_results_in_the_order_of_the_lines(lgrun: World) -> None:
    """Each line has its value and its thread; empty lines count and equal ones share a thread."""
    lgrun.write("job.py", JOB)
    lgrun.write("in.ndjson", '{"n": 3}\n\n{"n": 1}\r\n{"n" : 3}\n{"n": 2}')

    done = lgrun("batch", "job.py", "in.ndjson", "--concurrency", "3")

    found = results(done.stdout)
    assert done.code == 0
    assert [(one["line"], one["status"], one["exit"], one["value"]) for one in found] == [
        (1, "done", 0, 9),
        (3, "done", 0, 1),
        (4, "done", 0, 9),
        (5, "done", 0, 4),
    ]
    assert found[0]["thread"] == found[2]["thread"]
    assert sorted({one["thread"] for one in found}) == lgrun.threads()
    assert ran(lgrun) == [1, 2, 3]
    assert done.stderr.splitlines()[-1].endswith(": 4 done")
    assert f"✓ {found[0]['thread']} done (line 1)" in done.stderr


def test_how_lines_end(lgrun: World) -> None:
    """What one line does to its process, its neighbours do not notice; given again, only what is not done runs."""
    lgrun.write("job.py", JOB)
    ways = [None, "fail", "exit", "ask", "kill", "print", None]
    lines = ndjson(*({"n": n, "how": how} for n, how in enumerate(ways)))

    first = lgrun("batch", "job.py", "-", "--concurrency", "2", input=lines)
    before = ran(lgrun)
    lgrun.write("mended", "")
    second = lgrun("batch", "job.py", "-", input=lines)
    third = lgrun("batch", "job.py", "-", "-q", input=lines)

    found = results(first.stdout)
    assert [one["status"] for one in found] == ["done", "failed", "crashed", "waiting", "crashed", "done", "done"]
    assert [one["exit"] for one in found] == [0, 1, 1, 3, 1, 0, 0]
    assert (found[1]["error"]["type"], found[1]["error"]["message"]) == ("ValueError", "no such thing")
    assert "exit code 7" in found[2]["error"]["message"]
    assert "signal 9" in found[4]["error"]["message"]
    assert [question["text"] for question in found[3]["questions"]] == ["go on?"]
    assert "said by the workflow" in first.stderr
    assert f"✗ {found[1]['thread']} failed (line 2)  ValueError: no such thing" in first.stderr
    assert f"? {found[3]['thread']} waiting (line 4)  go on?" in first.stderr
    assert "the same command runs what is not done" in first.stderr
    assert first.code == 1
    assert (second.code, third.code) == (3, 3)
    again = results(third.stdout)
    assert again == results(second.stdout)
    assert [one["status"] for one in again] == ["done", "done", "done", "waiting", "done", "done", "done"]
    assert before == ran(lgrun) == list(range(7))
    assert third.stderr == ""
    lgrun("resume", found[3]["thread"], "--value", "5")
    assert lgrun("batch", "job.py", "-", "-q", input=lines).code == 0


@pytest.mark.parametrize(
    ("lines", "args", "words"),
    [
        (['{"topic": "a"}', '{"topic": 5}'], [], ["line 2: input.topic", "nothing was run"]),
        (['{"topic": "a"}', '{"topic": '], [], ["line 2: not valid JSON", "column 11"]),
        (["null"], [], ["line 1: null is no input"]),
        (
            ["", "{}", "[1"],
            [],
            ["2 of 2 lines cannot be run", "line 2: input: missing topic", "line 3: not valid JSON"],
        ),
        (['{"topic": "a"}'], ["--key", "id"], ["line 1: there is no id in it"]),
        (['{"topic": "a/b"}'], ["--key", "topic"], ["line 1: the thread id 'a/b' must not contain /"]),
        (
            ['{"topic": "a", "limit": 1}', '{"topic": "a"}'],
            ["--key", "topic"],
            ["line 2: line 1 has the same thread id"],
        ),
        (['{"topic": NaN}'], [], ["line 1: not valid JSON: NaN"]),
        (["[" * 100_000], [], ["line 1: the JSON is nested too deeply"]),
        (['{"topic": "a"}'] + ["x"] * 30, [], ["30 of 31 lines cannot be run", "line 21", "and 10 more"]),
        (['{"topic": "a"}'], ["--concurrency", "0"], ["--concurrency"]),
        (['{"topic": "a"}'], ["--wait", "soon"], ["'soon' is not a duration"]),
    ],
)
def test_mistakes(lgrun: World, assert_one_message: Check, lines: list[str], args: list[str], words: list[str]) -> None:
    """All lines are checked before anything is created; each mistake is told with its line."""
    lgrun.write("typed.py", TYPED)
    lgrun.write("in.ndjson", "\n".join(lines))

    assert_one_message(lgrun("batch", "typed.py", "in.ndjson", *args), 2, words)
    assert lgrun.files() == []


def test_files_that_cannot_be_read(lgrun: World, assert_one_message: Check) -> None:
    """A file that is missing, a folder, and a file that is no text."""
    lgrun.write("hello.py", HELLO)
    (lgrun.folder / "latin").write_bytes(b'"a"\n"\xe9"\n')

    assert_one_message(lgrun("batch", "hello.py", "nothing"), 2, ["cannot read nothing: No such file"])
    assert_one_message(lgrun("batch", "hello.py", "."), 2, ["cannot read .: Is a directory"])
    assert_one_message(lgrun("batch", "hello.py", "latin"), 2, ["line 2: not UTF-8 text"])
    assert_one_message(lgrun("batch", "missing.py", "latin"), 4, ["missing.py"])


def test_no_lines(lgrun: World) -> None:
    """Nothing to do is done; an array is printed where one document is asked for."""
    lgrun.write("hello.py", HELLO)

    assert (lgrun("batch", "hello.py", "-", input="\n").code, lgrun.files()) == (0, [])
    assert lgrun("batch", "hello.py", "-", "--json", input="").json == []


def test_ids_from_a_key(lgrun: World) -> None:
    """With --key a line names its thread; such a thread is another input's if that was started with one."""
    lgrun.write("job.py", JOB)
    lgrun("invoke", "job.py", "-t", "b", "n:=5")

    done = lgrun("batch", "job.py", "-", "--key", "id", input=ndjson({"n": 1, "id": "a"}, {"n": 2, "id": "b"}))

    a, b = results(done.stdout)
    assert (a["thread"], a["value"]) == ("a", 1)
    assert (b["thread"], b["status"], b["exit"], b["value"]) == ("b", "refused", 2, None)
    assert "b was started with another input" in b["error"]["message"]
    assert (done.code, lgrun.threads()) == (1, ["a", "b"])


def test_two_projects(lgrun: World) -> None:
    """The same line and names in two folders are two threads; with --key, the second project's line is refused."""
    for name in ("pa", "pb"):
        source = f"{HEAD}\n@entrypoint()\ndef main(input: dict):\n    return '{name}'\n"
        lgrun.write(f"{name}/flow.py", source + "\n@entrypoint()\ndef workflow(input: dict):\n    return 'second'\n")
    lgrun.write("one", ndjson({"id": "a"}))
    runs = [("pa", "flow.py:main"), ("pb", "flow.py:main"), ("pb", "flow.py:workflow"), ("pb", "flow:main")]

    found = [results(lgrun("batch", ref, "../one", cwd=lgrun.folder / name).stdout)[0] for name, ref in runs]
    keyed = [lgrun("batch", "flow.py:main", "../one", "--key", "id", cwd=lgrun.folder / name) for name in ("pa", "pb")]
    planned = lgrun("batch", "flow.py:main", "../one", "--key", "id", "-n", cwd=lgrun.folder / "pb")

    assert [one["value"] for one in found] == ["pa", "pb", "second", "pb"]
    assert found[1]["thread"] == found[3]["thread"]
    assert all(one["thread"].startswith("flow-") for one in found)
    (line,) = results(keyed[1].stdout)
    message = f"a is a thread of {lgrun.folder}/pa/flow.py:main, not of flow.py:main"
    assert [result.code for result in (*keyed, planned)] == [0, 1, 1]
    assert (line["status"], line["exit"], line["error"]["message"]) == ("refused", 2, message)
    assert "another value of --key" in line["error"]["hint"]
    assert json.loads(planned.stdout)["error"]["message"] == message


def test_as_one_document(lgrun: World) -> None:
    """--json prints the same documents as one array, --get a part of it."""
    lgrun.write("hello.py", HELLO)

    lines = ndjson("Ann", "Bob")
    whole = lgrun("batch", "hello.py", "-", "--json", input=lines)

    assert whole.json == results(lgrun("batch", "hello.py", "-", input=lines).stdout)
    assert lgrun("batch", "hello.py", "-", "--get", "1.value", input=lines).stdout == "hello Bob\n"


def test_what_a_batch_is_given(lgrun: World) -> None:
    """--config reaches every line; a line whose time is over is stopped and can be taken up."""
    source = "    return config['configurable'].get('user')"
    lgrun.write("who.py", HEAD + f"\n@entrypoint()\ndef who(input: int, *, config):\n{source}\n")
    lgrun.write("slow.py", SLOW)

    asked = lgrun("batch", "who.py", "-", "--config", "user=ann", input="1\n2\n")
    stopped = lgrun("batch", "slow.py", "-", "--timeout", "0.2s", input="1")

    assert [one["value"] for one in results(asked.stdout)] == ["ann", "ann"]
    (line,) = results(stopped.stdout)
    assert (stopped.code, line["status"], line["exit"]) == (1, "stopped", 124)
    assert lgrun("batch", "slow.py", "-", input="1").code == 0


def wait_for(*paths: Path) -> None:
    """Wait until files are there."""
    end = time.monotonic() + 20
    while not all(path.exists() for path in paths):
        assert time.monotonic() < end, paths
        time.sleep(0.01)


def start_held(lgrun: World, lines: int, concurrency: int) -> "subprocess.Popen[str]":
    """Start a batch whose first lines do not go on before a file called `go` is there, and wait for these."""
    lgrun.write("held.py", HOLD)
    lgrun.write("in.ndjson", ndjson(*({"n": n} for n in range(lines))))
    run = lgrun.start("batch", "held.py", "in.ndjson", "--concurrency", str(concurrency))
    wait_for(*(lgrun.folder / f"begun-{n}" for n in range(concurrency)))
    return run


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal(lgrun: World, signum: int) -> None:
    """What runs may finish and is kept, nothing more begins, and the process dies by the signal."""
    run = start_held(lgrun, 5, 2)
    run.send_signal(signum)
    assert run.stderr is not None
    assert "stopping 2 lines after what runs" in run.stderr.readline()
    wait_for(lgrun.folder / "told-0", lgrun.folder / "told-1")
    lgrun.write("go", "")
    out, err = run.communicate(timeout=20)

    found = results(out)
    assert run.returncode == -signum
    assert [(one["line"], one["status"], one["exit"]) for one in found] == [
        (1, "stopped", 128 + signum),
        (2, "stopped", 128 + signum),
    ]
    assert "2 stopped, 3 not begun" in err
    assert len(lgrun.threads()) == 2
    assert not list(lgrun.folder.glob("after-*"))
    (lgrun.folder / "begun-0").unlink()
    again = lgrun("batch", "held.py", "in.ndjson")
    assert (again.code, [one["value"] for one in results(again.stdout)]) == (0, list(range(5)))
    assert not (lgrun.folder / "begun-0").exists(), "a finished task ran again"


def test_a_second_signal(lgrun: World) -> None:
    """It ends what runs at once."""
    run = start_held(lgrun, 3, 2)
    run.send_signal(signal.SIGINT)
    assert run.stderr is not None
    run.stderr.readline()
    began = time.monotonic()
    run.send_signal(signal.SIGINT)
    out, _ = run.communicate(timeout=20)

    assert time.monotonic() - began < 5
    assert run.returncode == -signal.SIGINT
    assert {one["status"] for one in results(out)} == {"crashed"}
    lgrun.write("go", "")
    assert lgrun("batch", "held.py", "in.ndjson").code == 0


def test_a_line_that_runs_elsewhere(lgrun: World) -> None:
    """It is waited for when the others are done, and 5 if that takes too long."""
    lgrun.write("held.py", HOLD)
    lines = ndjson({"id": "x", "n": 0}, {"id": "y", "n": 1})
    other = lgrun.start("invoke", "held.py", "-i", '{"id": "x", "n": 0}', "-t", "x")
    wait_for(lgrun.folder / "begun-0")

    batch = subprocess.Popen(
        [LGRUN, "batch", "held.py", "-", "--key", "id", "--wait", "0.1s"],
        cwd=lgrun.folder,
        env=lgrun.env(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert batch.stdin is not None
    batch.stdin.write(lines)
    batch.stdin.close()
    batch.stdin = None
    wait_for(lgrun.folder / "begun-1")
    # y ends by itself; x is held by the other process, which is stopped meanwhile.
    other.send_signal(signal.SIGSTOP)
    lgrun.write("go", "")
    out, _ = batch.communicate(timeout=20)
    other.send_signal(signal.SIGCONT)
    other.communicate(timeout=20)

    x, y = results(out)
    assert (x["status"], x["exit"], y["status"]) == ("running", 5, "done")
    assert batch.returncode == 1
    done = lgrun("batch", "held.py", "-", "--key", "id", input=lines)
    assert (done.code, [one["value"] for one in results(done.stdout)]) == (0, [0, 1])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("workers_too", [False, True])
def test_killed_twice(lgrun: World, workers_too: bool) -> None:
    """Every line is done exactly once; workers stop without the batch, and finish the task that runs, once."""
    found = killed_twice(lgrun, 24, 4, workers_too=workers_too)

    assert found.wrong == []
    # What was killed in the middle of a task runs that again: 4 at a time, and twice.
    assert found.repeated <= (8 if workers_too else 0)
    assert 0 < found.done_before[0] < found.done_before[1] < 24


def test_results_are_streamed(lgrun: World) -> None:
    """A line is printed as soon as all before it are, not at the end."""
    lgrun.write("held.py", HOLD.replace("while not", "while n and not"))
    lgrun.write("in.ndjson", ndjson({"n": 0}, {"n": 1}))
    run = lgrun.start("batch", "held.py", "in.ndjson", "--concurrency", "2")
    assert run.stdout is not None
    first = run.stdout.readline()
    assert not (lgrun.folder / "after-1").exists()
    lgrun.write("go", "")
    rest, _ = run.communicate(timeout=20)

    assert [one["value"] for one in results(first + rest)] == [0, 1]


def test_nobody_reads_the_results(lgrun: World) -> None:
    """A reader that goes away stops nothing."""
    lgrun.write("job.py", JOB)
    lgrun.write("in.ndjson", ndjson(*({"n": n} for n in range(10))))

    subprocess.run(
        ["sh", "-c", f"{LGRUN} batch job.py in.ndjson | head -1"], cwd=lgrun.folder, env=lgrun.env(), check=True
    )

    assert ran(lgrun) == list(range(10))
    assert lgrun("list", "--status", "done", "-q", "-L", "0").stdout.count("\n") == 10


def test_the_folder_of_a_line_is_its_own(lgrun: World) -> None:
    """A workflow that changes the folder and the variables does not change those of lines in other processes."""
    source = (
        HEAD + "\nimport os\n\n@entrypoint()\ndef where(n: int):\n    os.chdir('/')\n    os._exit(1) if n else None\n"
    )
    lgrun.write("where.py", source + "    return os.getcwd()\n")

    done = lgrun("batch", "where.py", "-", "--concurrency", "2", "-S", "state", input="0\n1\n")

    assert [one["status"] for one in results(done.stdout)] == ["done", "crashed"]
    assert (lgrun.folder / "state" / "threads").is_dir()


def test_threads_of_the_file(lgrun: World) -> None:
    """A thread that is started while the file is loaded is not there where its lines run, which is said once."""
    source = "import threading\n\nthreading.Thread(target=threading.Event().wait, name='mine', daemon=True).start()\n"
    lgrun.write("hello.py", source + HELLO)

    done = lgrun("batch", "hello.py", "-", input=ndjson("Ann", "Bob"))

    assert [one["value"] for one in results(done.stdout)] == ["hello Ann", "hello Bob"]
    assert done.stderr.count("do not have them: mine") == 1


def test_ends_like_a_process(lgrun: World) -> None:
    """What a workflow registers for the end of its process is called there, too."""
    source = "import atexit\n\natexit.register(lambda: open('left', 'a').write('x'))\n"
    lgrun.write("hello.py", source + HELLO)

    lgrun("batch", "hello.py", "-", "--concurrency", "1", input=ndjson("Ann", "Bob"))

    # In the one worker, and in the process that loaded the file.
    assert (lgrun.folder / "left").read_text() == "xx"


@pytest.mark.parametrize("columns", [80, 20])
def test_bar(lgrun: World, columns: int) -> None:
    """On a terminal a bar with rate and time left is below what is told, on one line, and goes away at the end."""
    lgrun.write("held.py", HOLD.replace("while not", "while n and not"))
    lgrun.write("in.ndjson", ndjson({"n": 0}, {"n": 1}))

    with screen(lgrun, "batch", "held.py", "in.ndjson", "--get", "0.line", columns=columns) as shown:
        shown.until("1/2")
        shown.until(lambda s: s.lines()[-1].endswith("left" if columns == 80 else ("/min", "/s")))
        last = shown.lines()[-1]
        lgrun.write("go", "")
        assert shown.end() == 0

    assert ("━" in last) == (columns == 80)
    assert len(last) < columns
    assert not [line for line in shown.everything() if "1/2" in line]
    assert "2 lines in" in shown.text()


def test_interrupt_under_the_bar(lgrun: World) -> None:
    """Ctrl-C on the terminal reaches every line once: each stops after the task that runs, and no other begins."""
    lgrun.write("held.py", HOLD)
    lgrun.write("in.ndjson", ndjson(*({"n": n} for n in range(4))))

    with screen(lgrun, "batch", "held.py", "in.ndjson", "--concurrency", "2", "--get", "0.status") as shown:
        wait_for(lgrun.folder / "begun-0", lgrun.folder / "begun-1")
        shown.child.sendintr()
        shown.until("stopping 2 lines after what runs")
        lgrun.write("go", "")
        assert shown.end() == -signal.SIGINT

    assert "2 stopped, 2 not begun" in shown.text()
    assert len(lgrun.threads()) == 2
    assert not list(lgrun.folder.glob("after-*"))
    assert lgrun("show", lgrun.threads()[0], "--get", "tasks.0.status").stdout == "done\n"


def test_prints_above_the_bar(lgrun: World) -> None:
    """What workflows print and how lines fail stands above the bar, whole."""
    lgrun.write("job.py", JOB)
    ways = ["fail", "print", "print", "ask", "exit"]
    lgrun.write("in.ndjson", ndjson(*({"n": n, "how": how} for n, how in enumerate(ways))))

    with screen(lgrun, "batch", "job.py", "in.ndjson", "--get", "0.line", columns=120) as shown:
        assert shown.end() == 1

    lines = shown.everything()
    assert lines.count("said by the workflow") == 2
    assert len([line for line in lines if line.startswith(("✗ job-", "? job-"))]) == 3
    assert not [line for line in lines if line.startswith("✓")]


def test_pace() -> None:
    """The rate is that of the last half minute; nothing is said of what is not known."""
    pace = Pace(100, 0.0)
    assert pace.text(5.0) == "0/100"
    pace.tell(10, 5.0)
    assert pace.text(5.0) == "10/100  2.0/s  45.0s left"
    for second in range(6, 46):
        pace.tell(10, float(second))
    pace.tell(20, 50.0)
    assert pace.text(50.0).startswith("20/100  ")
    assert "/min" in pace.text(50.0)
    assert pace.text(50.0, 17) == pace.text(50.0).rpartition("  ")[0]
    assert pace.text(50.0, 7) == "20/100"
    pace.tell(100, 51.0)
    assert "left" not in pace.text(51.0)
    assert pace.share == 1.0


def test_processors(lgrun: World) -> None:
    """Without --concurrency as many lines run at a time as there are CPUs to run on."""
    lgrun.write("held.py", HOLD)
    lgrun.write("in.ndjson", ndjson(*({"n": n} for n in range(70))))
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    run = lgrun.start("batch", "held.py", "in.ndjson")
    wait_for(*(lgrun.folder / f"begun-{n}" for n in range(count)))
    run.send_signal(signal.SIGTERM)
    lgrun.write("go", "")
    run.communicate(timeout=20)

    assert len(list(lgrun.folder.glob("begun-*"))) == count


# --- --dry-run


def test_dry_run(lgrun: World) -> None:
    """Each line is told which thread it is and what would become of it; nothing runs, nothing changes."""
    rows = [{"n": 1}, {"n": 2, "how": "fail"}, {"n": 3, "how": "ask"}]
    lgrun.write("job.py", JOB)
    lgrun.write("some", "".join(json.dumps(row) + "\n" for row in rows))
    lgrun("batch", "job.py", "some")
    ran, before = (lgrun.folder / "ran").read_text(), snapshot(lgrun)
    lgrun.write("all", "\n".join(json.dumps(row) for row in [*rows, {"n": 4}, {"n": 1}]))

    result = lgrun("batch", "job.py", "all", "-n")
    plans = [json.loads(line) for line in result.stdout.splitlines()]

    for plan in plans:
        jsonschema.validate(plan, SCHEMAS["plan"], cls=jsonschema.Draft202012Validator)
    assert [(plan["line"], plan["action"]) for plan in plans] == [
        (1, "print"),
        (2, "continue"),
        (3, "wait"),
        (4, "start"),
        (5, "print"),
    ]
    assert [plan["input"] for plan in plans] == [*rows, {"n": 4}, {"n": 1}]
    assert result.code == 0
    assert [line.split(": ", 1)[1] for line in result.stderr.splitlines()] == [
        "done, would print its saved result again",
        "failed, would go on",
        "waiting, would go on waiting for its answer",
        "new, would start",
        "the same as line 1",
        "1 to start, 1 to continue, 1 to wait, 2 to print; nothing was run",
    ]
    assert (lgrun.folder / "ran").read_text() == ran
    assert snapshot(lgrun) == before
    assert lgrun("batch", "job.py", "all", "-n", "--json", "-q").json == plans
    really = [json.loads(line)["thread"] for line in lgrun("batch", "job.py", "all").stdout.splitlines()]
    assert really == [plan["thread"] for plan in plans]


def snapshot(lgrun: World) -> dict[str, bytes]:
    """Return all files of the state directory with what is in them."""
    return {str(path): path.read_bytes() for path in lgrun.state.rglob("*") if path.is_file()}


def test_dry_run_creates_nothing(lgrun: World, assert_one_message: Check) -> None:
    """Not even the state directory; all lines are checked, and wrong ones told as a run would."""
    lgrun.write("typed.py", TYPED)
    lgrun.write("good", '{"topic": "cats"}\n')
    lgrun.write("bad", '{"topic": "cats"}\n{"topic": 5}\n{"topi": "x"}\n')

    assert lgrun("batch", "typed.py", "good", "--dry-run").code == 0
    assert_one_message(lgrun("batch", "typed.py", "bad", "--dry-run"), 2, ["2 of 3 lines", "line 2", "line 3"])
    assert lgrun("batch", "typed.py", "bad", "--dry-run").stderr == lgrun("batch", "typed.py", "bad").stderr
    assert lgrun("batch", "typed.py", os.devnull, "-n").stderr == "there are no lines\n"
    assert lgrun.files() == []


def test_dry_run_of_what_would_be_refused(lgrun: World) -> None:
    """A thread with another input, changed code and a damaged one are refused like by the batch itself."""
    lgrun.write("job.py", JOB)
    lgrun.write("first", '{"id": "a", "n": 1}\n{"id": "b", "n": 2, "how": "fail"}\n{"id": "c", "n": 3}\n')
    lgrun("batch", "job.py", "first", "--key", "id")
    lgrun.write("second", '{"id": "a", "n": 9}\n{"id": "b", "n": 2, "how": "fail"}\n{"id": "c", "n": 3}\n')
    lgrun.write("job.py", JOB + "\n# changed\n")
    (lgrun.state / "threads" / "c" / "00000001.json").write_text("{")
    args = ("batch", "job.py", "second", "--key", "id", "--on-change", "fail")

    planned, run = lgrun(*args, "-n"), lgrun(*args)

    plans, found = ([json.loads(line) for line in result.stdout.splitlines()] for result in (planned, run))
    assert [plan["action"] for plan in plans] == ["refuse"] * 3
    assert [(plan["exit"], plan["error"]["message"]) for plan in plans] == [
        (line["exit"], line["error"]["message"]) for line in found
    ]
    assert planned.code == run.code == 1
    assert "a (line 1): would be refused: a was started with another input" in planned.stderr


def test_dry_run_beside_a_run(lgrun: World) -> None:
    """A thread that somebody runs is said to be busy, and not waited for."""
    lgrun.write("slow.py", SLOW)
    lgrun.write("one", "30\n")
    with lgrun.start("batch", "slow.py", "one") as run:
        while not (lgrun.folder / "started").exists():
            assert run.poll() is None
        plan = json.loads(lgrun("batch", "slow.py", "one", "-n").stdout)
        run.send_signal(signal.SIGTERM)
        run.send_signal(signal.SIGKILL)
        run.communicate()

    assert (plan["action"], plan["exit"]) == ("busy", 5)
