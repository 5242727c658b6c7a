"""`lgrun show`: one thread."""

from typing import TYPE_CHECKING, Annotated

import typer

from lgrun.cli.env import Environment
from lgrun.cli.options import LookStep
from lgrun.cli.status import ExitStatus

if TYPE_CHECKING:
    from lgrun.cli.session import Guarded


def show(
    env: Environment,
    thread: LookStep,
    result: Annotated[bool, typer.Option("--result", help="Print what it returned, whole.")] = False,
    given: Annotated[bool, typer.Option("--input", help="Print what the last run was given.")] = False,
    state: Annotated[bool, typer.Option("--state", help="Print what it holds: a graph's state, `previous`.")] = False,
    questions: Annotated[bool, typer.Option("--questions", help="Print what it asked, with the answers.")] = False,
    source: Annotated[bool, typer.Option("--source", "--code", help="Print the code it ran with.")] = False,
    graph: Annotated[
        bool, typer.Option("--graph", help="Draw what ran; Mermaid text where stdout is no terminal.")
    ] = False,
    timeline: Annotated[
        bool, typer.Option("--timeline", help="Draw when the tasks of the last run ran and questions waited.")
    ] = False,
    traceback: Annotated[bool, typer.Option("--traceback", help="Print where it failed.")] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", "-e", help="Exit with the code of how it stands.")] = False,
    html: Annotated[
        str | None, typer.Option("--html", metavar="FILE", help="Write all of it as one HTML file; - is stdout.")
    ] = None,
    svg: Annotated[
        str | None, typer.Option("--svg", metavar="FILE", help="Write the timeline as an SVG picture; - is stdout.")
    ] = None,
) -> ExitStatus:
    """Show one thread: how it stands, its questions, tasks and result.

    \b
    lgrun show rome
    lgrun show rome --get questions.0.text
    lgrun show rome --source > trip.py
    lgrun show rome --timeline
    lgrun show rome --html rome.html
    lgrun show rome/q1

    Behind a / stands a step: a row of the history (rome/4), the last task of a name (rome/find_flights), or which one
    (rome/find_flights.2), a question (rome/q1), or the id of a checkpoint. A FILE that exists is overwritten.
    """
    from lgrun.cli import showing
    from lgrun.cli.diagnostics import Problem
    from lgrun.cli.session import open_saver, resolve
    from lgrun.cli.status import OF_THREAD
    from lgrun.cli.steps import split_reference
    from lgrun.cli.views import print_document, view_of, wants_document

    typed, step = split_reference(thread)
    saver = open_saver(env)
    name = env.thread = resolve(typed, saver, acting=False)
    views = {
        showing.print_result: result,
        showing.print_input: given,
        showing.print_state: state,
        showing.print_questions: questions,
        showing.print_source: source,
        showing.print_graph: graph,
        showing.print_timeline: timeline,
        showing.print_traceback: traceback,
    }
    chosen = [view for view, wanted in views.items() if wanted]
    if len(chosen) + (html is not None or svg is not None) > 1:
        raise Problem("usage", "only one thing can be shown at a time")
    if step is not None:
        if chosen not in ([], [showing.print_result]) or exit_code or html is not None or svg is not None:
            raise Problem("usage", "of a step only --result, --json and --get can be shown")
        return _show_step(env, saver, name, step, result)
    view = view_of(env, saver, name)
    if html is not None or svg is not None:
        showing.write_files(env, view, html, svg)
    elif chosen:
        chosen[0](env, saver, view)
    elif wants_document(env):
        print_document(env, view.document())
    else:
        showing.print_page(env, saver, view)
    return OF_THREAD[view.status] if exit_code and view.status is not None else ExitStatus.DONE


def _show_step(env: Environment, saver: "Guarded", thread: str, step: str, result: bool) -> ExitStatus:
    from lgrun.cli import showing
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
        showing.nothing(f"{thread}/{step} has no result")
    elif result:
        print_saved(env, row.value)
    elif wants_document(env):
        print_document(env, step_document(row, rows))
    else:
        env.put("".join(f"{line}\n" for line in step_page(row, rows)))
    return ExitStatus.DONE
