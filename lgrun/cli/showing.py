"""What `lgrun show` shows of a thread: one function for each view of it."""

import os
from typing import TYPE_CHECKING, NoReturn

from lgrun.cli.diagnostics import Problem
from lgrun.cli.env import Environment
from lgrun.cli.render.text import one_line
from lgrun.cli.render.thread import ThreadView
from lgrun.cli.session import Guarded, command
from lgrun.cli.status import ExitStatus
from lgrun.cli.views import print_document, print_rows, print_saved, wants_document

if TYPE_CHECKING:
    from lgrun.cli.spans import Timeline


def print_page(env: Environment, _saver: Guarded, view: ThreadView) -> None:
    """Print the page of a thread."""
    from lgrun.cli.render.thread import page

    env.put("".join(line + "\n" for line in page(view, env.now(), env.cwd)))


def print_result(env: Environment, _saver: Guarded, view: ThreadView) -> None:
    """Print what the last run returned."""
    if view.value is None:
        nothing(f"{view.thread} has no result: it is {view.status}")
    print_saved(env, view.value)


def print_input(env: Environment, _saver: Guarded, view: ThreadView) -> None:
    """Print what the last run was given."""
    given = view.input()
    if given is None:
        nothing(f"no input is recorded for {view.thread}")
    print_saved(env, given)


def print_graph(env: Environment, _saver: Guarded, view: ThreadView) -> None:
    """Draw what the last run did."""
    from lgrun.cli.render.graph import mermaid, picture, run_graph

    drawing = run_graph(view)
    if env.stdout_is_tty():
        env.put("".join(f"{line}\n" for line in picture(drawing, env.width())))
    else:
        env.put(mermaid(drawing))


def print_source(env: Environment, saver: Guarded, view: ThreadView) -> None:
    """Print the code that it ran with."""
    from lgrun.cli.render.text import printable

    sha256 = (view.origin or {}).get("sha256")
    source = saver.read_source(view.thread, sha256) if isinstance(sha256, str) else None
    if source is None:
        nothing(f"the code of {view.thread} was not kept")
    elif env.stdout_is_tty():
        env.put(printable(source.decode(errors="replace")))
    else:
        env.put_bytes(source)


def print_traceback(env: Environment, _saver: Guarded, view: ThreadView) -> None:
    """Print where the last run failed."""
    import os

    import lgrun
    from lgrun.cli.timeline import last_error

    row = last_error(view.rows)
    if row is None or row.error is None:
        nothing(f"{view.thread} has not failed")
        return
    lines = [f"{row.error[0]}: {row.error[1]}" + (f"   in {row.name}" if row.name else "")]
    # Most is machinery where a node of a graph failed; -v shows that too.
    own = os.path.join(os.path.dirname(lgrun.__file__), "")
    trace = [str(line) for line in reversed(row.trace or [])]
    foreign = [line for line in trace if not line.startswith(own)]
    lines += [f"  {line}" for line in (foreign if foreign and not env.flags.verbose else trace)]
    env.put("".join(line + "\n" for line in lines))


def print_state(env: Environment, saver: Guarded, view: ThreadView) -> None:
    """Print what the thread holds: the state of a graph, of a function what its next run gets as `previous`."""
    saved = saver.load(view.thread)
    point = saved.checkpoint if saved is not None else None
    if point is not None and point.value is None and point.save is None and point.previous is not None:
        saved = saver.load(view.thread, point.previous)
        point = saved.checkpoint if saved is not None else None
    value = None if point is None else point.save if point.save is not None else point.value
    if value is None:
        nothing(f"{view.thread} holds nothing yet: it is {view.status}")
    print_saved(env, value)


def print_questions(env: Environment, _saver: Guarded, view: ThreadView) -> None:
    """Print what was asked, with the answers; of what is open all that came with it, and what to type."""
    from lgrun.cli.question import Question
    from lgrun.cli.render.text import brief
    from lgrun.cli.render.thread import question_lines
    from lgrun.cli.render.values import readable
    from lgrun.cli.steps import answer_of, step_document

    asked = [row for row in view.rows if row.kind == "ask"]
    if wants_document(env):
        print_rows(env, [step_document(row, view.rows) for row in asked])
        return
    if not asked:
        env.note(f"{view.thread} has asked nothing")
    open_ones = {question.interrupt: more for question, more in zip(view.questions, view.whole, strict=True)}
    lines: list[str] = []
    for row in asked:
        question = Question(row.q or 0, row.id or "", row.name, readable(row.value), row.schema)
        answer = answer_of(row, view.rows)
        lines += (
            question_lines(question, open_ones[question.interrupt])
            if question.interrupt in open_ones
            else [question.line()]
        )
        if answer is not None:
            by = f"   (by {answer.by})" if answer.by else ""
            lines.append(one_line(f"  answer  {brief(readable(answer.value), 1000)}{by}"))
        elif question.interrupt not in open_ones:
            lines.append("  was not answered")
    lines += [f"  {line}" for line in view.next if view.questions]
    env.put("".join(f"{line}\n" for line in lines))


def print_timeline(env: Environment, _saver: Guarded, view: ThreadView) -> None:
    """Draw when the tasks of the last run ran and its questions waited."""
    import textwrap

    from lgrun.cli.render.bars import span_line, timeline_lines

    found = _timeline(env, view)
    if wants_document(env):
        print_document(env, found.document(view.thread, view.run, view.status))
        return
    head = f"{view.thread}  {view.status}  run {view.run}, {span_line(found)}"
    heads = textwrap.wrap(one_line(head), max(env.width(), 12))
    env.put_lines(
        [
            *((line, "bold") for line in heads),
            *((line, None) for line in timeline_lines(found, env.width())),
        ]
    )


def _timeline(env: Environment, view: ThreadView) -> "Timeline":
    from lgrun.cli.spans import spans

    return spans(view.last_run(), view.status, env.now())


def write_files(env: Environment, view: ThreadView, html: str | None, svg: str | None) -> None:
    """Write the page and the picture of a thread, each to the file that was named for it.

    Raises:
        Problem: a file cannot be written.
    """
    from lgrun.cli.render.html import html_page
    from lgrun.cli.render.svg import svg as picture

    def whole(step: str) -> str:
        option = "--state" if not step and view.value is None else "--result"
        return command(env, "show", f"{view.thread}/{step}" if step else view.thread, option)

    if html == svg == "-":
        raise Problem("usage", "only one of --html and --svg can be -")
    found = _timeline(env, view)
    if html is not None:
        _write(env, html, html_page(view, found, env.now(), whole))
    if svg is not None:
        _write(env, svg, picture(found, f"{view.thread}, run {view.run}, {view.status}", alone=True))
    if wants_document(env) and "-" not in (html, svg):
        print_document(env, view.document())


def _write(env: Environment, name: str, text: str) -> None:
    if name == "-":
        env.put(text)
        return
    try:
        (env.cwd / os.path.expanduser(name)).write_text(text, encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Problem("cannot-write", f"{name} cannot be written: {reason}") from None
    env.note(f"{name} is written")


def nothing(message: str) -> NoReturn:
    """Say that what was asked for is not there (exit 4)."""
    raise Problem("nothing-there", message, status=ExitStatus.NOT_FOUND)
