"""`lgrun show`: one thread."""

from typing import TYPE_CHECKING, Annotated

import typer

from lgrun.cli.env import Environment
from lgrun.cli.options import LookStep
from lgrun.cli.status import ExitStatus

if TYPE_CHECKING:
    from lgrun.cli.render.thread import ThreadView
    from lgrun.cli.session import Guarded


def show(
    env: Environment,
    thread: LookStep,
    result: Annotated[bool, typer.Option("--result", help="Print what it returned, whole.")] = False,
    given: Annotated[bool, typer.Option("--input", help="Print what the last run was given.")] = False,
    source: Annotated[bool, typer.Option("--source", help="Print the code it ran with.")] = False,
    graph: Annotated[
        bool, typer.Option("--graph", help="Draw what ran; Mermaid text where stdout is no terminal.")
    ] = False,
    traceback: Annotated[bool, typer.Option("--traceback", help="Print where it failed.")] = False,
) -> ExitStatus:
    """Show one thread: how it stands, its questions, tasks and result.

    \b
    lgrun show rome
    lgrun show rome --get questions.0.text
    lgrun show rome --source > trip.py
    lgrun show rome --graph
    lgrun show rome/q1

    Behind a / stands a step: a row of the history (rome/4), the last task of a name (rome/find_flights), or which one
    (rome/find_flights.2), a question (rome/q1), or the id of a checkpoint.
    """
    from lgrun.cli.session import open_saver, resolve
    from lgrun.cli.steps import split_reference
    from lgrun.cli.views import print_document, view_of, wants_document

    typed, step = split_reference(thread)
    saver = open_saver(env)
    name = env.thread = resolve(typed, saver, acting=False)
    if step is not None:
        if source or given or graph or traceback:
            _only_result()
        return _show_step(env, saver, name, step, result)
    view = view_of(env, saver, name)
    if source:
        _print_source(env, saver, view)
    elif result:
        _print_result(env, view)
    elif given:
        _print_input(env, view)
    elif graph:
        _print_graph(env, view)
    elif traceback:
        _print_traceback(env, view)
    elif wants_document(env):
        print_document(env, view.document())
    else:
        _print_page(env, view)
    return ExitStatus.DONE


def _only_result() -> None:
    from lgrun.cli.diagnostics import Problem

    raise Problem("usage", "of a step only --result, --json and --get can be shown")


def _show_step(env: Environment, saver: "Guarded", thread: str, step: str, result: bool) -> ExitStatus:
    from lgrun.cli.steps import checkpoint_document, find_checkpoint, find_step, step_document, step_page
    from lgrun.cli.timeline import timeline
    from lgrun.cli.views import print_document, print_saved, wants_document

    point = find_checkpoint(saver, thread, step)
    if point is not None:
        if result:
            print_saved(env, point.value)
        else:
            print_document(env, checkpoint_document(point))
        return ExitStatus.DONE
    rows = timeline(reversed(list(saver.history(thread))))
    row = find_step(rows, thread, step)
    if result and row.value is None:
        _nothing(f"{thread}/{step} has no result")
    elif result:
        print_saved(env, row.value)
    elif wants_document(env):
        print_document(env, step_document(row, rows))
    else:
        env.put("".join(f"{line}\n" for line in step_page(row, rows)))
    return ExitStatus.DONE


def _print_page(env: Environment, view: "ThreadView") -> None:
    from lgrun.cli.render.thread import page

    env.put("".join(line + "\n" for line in page(view, env.now())))


def _print_result(env: Environment, view: "ThreadView") -> None:
    from lgrun.cli.views import print_saved

    if view.value is None:
        _nothing(f"{view.thread} has no result: it is {view.status}")
    print_saved(env, view.value)


def _print_input(env: Environment, view: "ThreadView") -> None:
    from lgrun.cli.views import print_saved

    given = view.input()
    if given is None:
        _nothing(f"no input is recorded for {view.thread}")
    print_saved(env, given)


def _print_graph(env: Environment, view: "ThreadView") -> None:
    from lgrun.cli.render.graph import mermaid, picture, run_graph

    drawing = run_graph(view)
    if env.stdout_is_tty():
        env.put("".join(f"{line}\n" for line in picture(drawing, env.width())))
    else:
        env.put(mermaid(drawing))


def _print_source(env: Environment, saver: "Guarded", view: "ThreadView") -> None:
    from lgrun.cli.render.text import printable

    sha256 = (view.origin or {}).get("sha256")
    source = saver.read_source(view.thread, sha256) if isinstance(sha256, str) else None
    if source is None:
        _nothing(f"the code of {view.thread} was not kept")
    elif env.stdout_is_tty():
        env.put(printable(source.decode(errors="replace")))
    else:
        env.put_bytes(source)


def _print_traceback(env: Environment, view: "ThreadView") -> None:
    import os

    import lgrun
    from lgrun.cli.timeline import last_error

    row = last_error(view.rows)
    if row is None or row.error is None:
        _nothing(f"{view.thread} has not failed")
        return
    lines = [f"{row.error[0]}: {row.error[1]}" + (f"   in {row.name}" if row.name else "")]
    # Most is machinery where a node of a graph failed; -v shows that too.
    own = os.path.join(os.path.dirname(lgrun.__file__), "")
    trace = [str(line) for line in reversed(row.trace or [])]
    foreign = [line for line in trace if not line.startswith(own)]
    lines += [f"  {line}" for line in (foreign if foreign and not env.flags.verbose else trace)]
    env.put("".join(line + "\n" for line in lines))


def _nothing(message: str) -> None:
    from lgrun.cli.diagnostics import Problem

    raise Problem("nothing-there", message, status=ExitStatus.NOT_FOUND)
