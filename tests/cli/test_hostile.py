"""Strings that try to control the terminal, in every place that is printed."""

import pytest

from lgrun.checkpoint.file import FileSaver
from lgrun.func import entrypoint, task
from lgrun.types import interrupt

from .conftest import World
from .screen import screen

HOSTILE = [
    "\x1b[2J\x1b[H",  # clear the screen
    "\x1b[31mred",
    "\x1b[8mhidden",
    "\x1b[?1049h",  # the other screen
    "\x1b[?25l",  # no cursor
    "\x1b[6n",  # asks for an answer on stdin
    "\x1b[5i",  # print
    "\x1b[20t",
    "\x1bc",  # reset
    "\x1b(0",  # line drawing letters
    "\x1b#8",
    "\x1b]0;title\x07",
    "\x1b]2;title\x1b\\",
    "\x1b]8;;http://example.org\x1b\\link\x1b]8;;\x1b\\",
    "\x1b]52;c;cm0gLXJm\x07",  # the clipboard
    "\x1b]1337;File=:AAAA\x07",
    "\x1bP$q\x1b\\",
    "\x1b_Gi=1\x1b\\",
    "\x1b^x\x1b\\",
    "\x1b",
    "\x9b2J",
    "\x9d0;title\x9c",
    "\x90q\x9c",
    "\x84\x85\x8d",
    "good\rbad",
    "a\x08\x08b",
    "\x07" * 3,
    "\x0b\x0c",
    "\x0e\x0f",
    "\x00nul",
    "\x7f",
    "\u202eabc\u202c",
    "\u2066abc\u2069",
    "\u200fabc\u061c",
    "a\u2028b\u2029c",
    "a\u200bb\ufeff",
    "\ud800",
    "[red]markup[/red] [link=x]y[/link] :boom:",
    "# Title\n> quote\n\x1b[2J",
    "✓ t done\n✗ fake",
]


def test_forty() -> None:
    """There are forty of them."""
    assert len(HOSTILE) == len(set(HOSTILE)) == 40


WORKFLOW = (
    """
import os
from lgrun.func import entrypoint, task
from lgrun.types import interrupt
from lgrun.config import get_stream_writer

H = {hostile!r}

def echo(value):
    return value

@entrypoint()
def wf(mode: str):
    writer = get_stream_writer()
    for h in H:
        writer(h)
        writer({{h: [h]}})
        task(echo, name="n" + h)(h).result()
    print("\\n".join(H))
    os.system("printf 'child \\\\033]0;x\\\\007 \\\\233\\\\n'")
    if mode == "fail":
        error = ValueError("\\n".join(H))
        error.add_note("".join(H))
        raise error
    if mode == "ask":
        calls = [task(interrupt, name="q" + h)({{
            "question": h, "options": [h, "ok"], "default": h, h + "k": h, "text": "\\n".join(H), "data": {{h: h}},
        }}) for h in H[:6]]
        calls.append(task(interrupt, name="form")({{"message": H[0], "schema": {{"type": "object", "properties": {{
            h + "p": {{"description": h, "enum": [h, 1], "default": h}} for h in H[:6]
        }}}}}}))
        return [call.result() for call in calls]
    return {{h: h for h in H}} if mode == "dict" else "".join(H)
""".replace("{{", "{")
    .replace("}}", "}")
    .replace("{hostile!r}", ascii(HOSTILE))
)


@pytest.mark.parametrize(
    ("mode", "typed"), [("dict", ""), ("text", ""), ("fail", ""), ("ask", "\r" * 20), ("ask", "\x1b[A\r" * 3 + "\x04")]
)
def test_a_run(lgrun: World, mode: str, typed: str) -> None:
    """A run under the live view: names, values, errors, custom events, prints, questions and their context."""
    lgrun.write("wf.py", WORKFLOW)

    with screen(lgrun, "invoke", "wf.py", mode, "-t", "t", columns=60) as shown:
        if typed:
            shown.until("q1>")
            shown.child.send(typed)
        shown.end()

    raw = shown.raw.replace("^[", "")
    assert len(raw) > 1000
    assert not shown.strange()
    assert "Traceback" not in raw
    assert "a bug in lgrun" not in raw


LOOKS = [
    ["list"],
    ["list", "--json"],
    ["show", "t"],
    ["show", "t", "--json"],
    ["show", "t", "--input"],
    ["show", "t", "--traceback"],
    ["history", "t"],
    ["resume", "t", "--no-input"],
    ["resume", "t", "q1=\x1b[2J"],
]


@pytest.mark.parametrize("mode", ["ask", "fail", "dict"])
def test_looking(lgrun: World, mode: str) -> None:
    """Commands that look at such a thread, and those that refuse."""
    lgrun.write("wf.py", WORKFLOW)
    lgrun("invoke", "wf.py", mode, "-t", "t")

    for args in LOOKS:
        with screen(lgrun, *args, env={"LGRUN_PAGER": "cat"}) as shown:
            shown.end()
        assert shown.raw, args
        assert not shown.strange(), args


@pytest.mark.parametrize("args", [["list"], ["list", "-q"], ["list", "--json"], ["show", "@last"], ["resume", "@last"]])
def test_thread_ids(lgrun: World, args: list[str]) -> None:
    """Ids that the library accepted and the command line would not, and their tasks' names."""
    saver = FileSaver(lgrun.state)

    @entrypoint(checkpointer=saver)
    def hostile(text: str) -> str:
        return task(lambda: str(interrupt(text)), name=text)().result()  # type: ignore[misc]

    for text in HOSTILE:
        if "\ud800" not in text:
            hostile.invoke(text, {"configurable": {"thread_id": text}})

    with screen(lgrun, *args, columns=40, env={"LGRUN_PAGER": "cat"}) as shown:
        shown.end()

    assert shown.raw
    assert not shown.strange()


NAMES = [text for text in HOSTILE if not set("\x00\ud800/") & set(text)]


@pytest.mark.parametrize("text", ["".join(NAMES[n::5]) for n in range(5)])
def test_file_names_and_arguments(lgrun: World, text: str) -> None:
    """File names, docstrings and mistyped arguments in messages: several in one, to save time."""
    docs = f"from lgrun.func import entrypoint\nD = {text!r}\ndef one(a: dict): ...\none.__doc__ = D\ndef two(a): ...\n"
    lgrun.write(f"x{text}.py", docs + "two.__doc__ = D\none = entrypoint()(one)\ntwo = entrypoint()(two)\n")

    with screen(lgrun, "invoke", f"x{text}.py") as several:
        several.end()
    with screen(lgrun, "invoke", f"no-{text}.py", f"key{text}") as unknown:
        unknown.end()
    with screen(lgrun, "show", text) as missing:
        missing.end()

    for shown in (several, unknown, missing):
        assert shown.raw
        assert not shown.strange()
