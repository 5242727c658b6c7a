"""`lgrun watch`: follow a thread that another process runs."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lgrun.cli.env import Environment
from lgrun.cli.options import Events
from lgrun.cli.status import ExitStatus

if TYPE_CHECKING:
    from lgrun.cli.following import Follower, Left, Until
    from lgrun.cli.render.thread import ThreadView
    from lgrun.cli.session import Guarded


def watch(
    env: Environment,
    thread: Annotated[
        str, typer.Argument(metavar="[THREAD]", help="A thread's id or the start of it, @last or @waiting.")
    ] = "@last",
    start: Annotated[
        Literal["start", "now"],
        typer.Option("--from", help="Begin with what the last run has done so far, or with what comes."),
    ] = "start",
    timeout: Annotated[
        str | None, typer.Option("--timeout", metavar="DUR", help="Stop watching after so long (124): 10s, 5m, 2h.")
    ] = None,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="End (1) at the first task that fails for good.", show_default=False)
    ] = False,
    through_waiting: Annotated[
        bool, typer.Option("--through-waiting", help="Stay while the thread waits for answers.", show_default=False)
    ] = False,
    events: Events = None,
) -> ExitStatus:
    """Follow a thread until it stops, print what it returned, and exit with how it stands.

    \b
    lgrun watch rome
    lgrun watch --timeout 10m || echo "exit code $?"
    lgrun watch @last --ndjson | jq -r 'select(.type=="task.end") | "\\(.name) \\(.ms)ms"'

    It only reads: the run does not notice, and goes on when the watcher is stopped.
    """
    from lgrun.cli.event_log import carry
    from lgrun.cli.following import Until
    from lgrun.cli.inputs import parse_duration
    from lgrun.cli.session import open_saver, resolve

    carry(env, events)
    until = Until(parse_duration(timeout), fail_fast, through_waiting)
    saver = open_saver(env)
    name = env.thread = resolve(thread, saver, acting=False)
    follow = _follow if env.log is None else _log
    return follow(env, saver, name, until, start == "start")


def _log(env: Environment, saver: "Guarded", thread: str, until: "Until", whole: bool) -> ExitStatus:
    """Follow it as events for programs."""
    from lgrun.cli.following import Follower
    from lgrun.cli.happenings import Happening

    log = env.log
    assert log is not None

    def tell(happening: Happening) -> None:
        log.begin(thread, happening.run)
        log.tell(happening, happening.at)

    left = Follower(env, saver, thread, tell).follow(until, whole=whole)
    log.end(_view(env, saver, thread, left).document())
    return left.exit


def _follow(env: Environment, saver: "Guarded", thread: str, until: "Until", whole: bool) -> ExitStatus:
    """Follow it for a person, and print what it returned."""
    from lgrun.cli.following import Follower
    from lgrun.cli.render.watching import LineWatcher, LiveWatcher, last_line
    from lgrun.cli.views import print_run, print_value, wants_document

    if env.paints():
        # The view takes whatever is written to the terminal.
        env.keep_answer()
    with (LiveWatcher if env.paints() else LineWatcher)(env, thread) as reporter:
        follower = Follower(env, saver, thread, reporter.tell)
        left = follower.follow(until, whole=whole)
        view = _view(env, saver, thread, left)
        reporter.tell(_last(follower, view, left))
    say = env.say if left.status == "failed" else env.note
    say(last_line(view, left))
    if wants_document(env):
        print_run(env, view)
    elif left.status == "done":
        print_value(env, saver, thread)
    return left.exit


def _view(env: Environment, saver: "Guarded", thread: str, left: "Left") -> "ThreadView":
    from lgrun.cli.views import view_of

    view = view_of(env, saver, thread)
    view.exit = int(left.exit)
    return view


def _last(follower: "Follower", view: "ThreadView", left: "Left") -> object:
    """Return the last event for the view: what still runs is shown as it was left."""
    from lgrun.cli.happenings import Happening

    # The very object that was told with a task: what it says is told once.
    error = None if view.error is None else follower.past.error(view.error["type"], view.error["message"])
    questions = [Happening(type="question", name=question.task) for question in view.questions]
    return Happening(type="run.end", status=left.status, error=error, questions=tuple(questions))
