"""`lgrun diff`: where two threads or steps differ, or a thread's code from the file."""

from typing import TYPE_CHECKING, Annotated

import typer

from lgrun.cli.env import Environment
from lgrun.cli.status import ExitStatus

if TYPE_CHECKING:
    from lgrun.cli.session import Guarded


def diff(
    env: Environment,
    a: Annotated[
        str, typer.Argument(metavar="A", show_default=False, help="THREAD or THREAD/STEP, written as for show.")
    ],
    b: Annotated[
        str | None, typer.Argument(metavar="[B]", show_default=False, help="Another one; without it, the one before.")
    ] = None,
    code: Annotated[
        bool, typer.Option("--code", help="Compare the code a thread ran with to the file now, or to B's code.")
    ] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", "-e", help="Exit with 1 if there are differences.")] = False,
) -> ExitStatus:
    """Show where two threads or steps differ, or code from the file it came from.

    \b
    lgrun diff rome oslo
    lgrun diff rome/draft.2 rome/draft
    lgrun diff rome/4
    lgrun diff rome --code

    Of two threads the last runs are compared: inputs, tasks, questions with answers, results and errors; not times.
    Tasks are numbered in the order of their calls, questions within the run. With one argument: a row of the history
    and the row before, a task or question by its name and the one before, a checkpoint and its predecessor, and of a
    thread the run before the last one and the last one. 0 is a comparison that worked, unless -e is given.
    """
    from lgrun.cli.session import open_saver

    saver = open_saver(env)
    same = _diff_code(env, saver, a, b) if code else _diff_values(env, saver, a, b)
    return ExitStatus.FAILED if exit_code and not same else ExitStatus.DONE


def _diff_values(env: Environment, saver: "Guarded", a: str, b: str | None) -> bool:
    from lgrun.cli.comparing import two_sides, with_the_one_before
    from lgrun.cli.differences import changes
    from lgrun.cli.render.context import Line
    from lgrun.cli.render.diff import change_lines
    from lgrun.cli.render.text import one_line
    from lgrun.cli.views import print_document, wants_document

    first, second = with_the_one_before(env, saver, a) if b is None else two_sides(env, saver, a, b)
    found = list(changes(first.value, second.value))
    if wants_document(env):
        sides = {"a": first.name, "b": second.name, "same": not found}
        print_document(env, {"schema": "lgrun.diff/1", **sides, "changes": [each.document() for each in found]})
    elif not found:
        env.note(f"no differences: {first.name} ({first.about}), {second.name} ({second.about})")
    else:
        heads = [f"{mark} {one_line(f'{side.name}  {side.about}')}" for mark, side in (("---", first), ("+++", second))]
        env.put_lines([*(Line(head, "bold") for head in heads), *change_lines(found)])
    return not found


def _diff_code(env: Environment, saver: "Guarded", a: str, b: str | None) -> bool:
    from lgrun._hashing import sha256
    from lgrun.cli.comparing import code_now, saved_code
    from lgrun.cli.render.context import Line, diff_style
    from lgrun.cli.render.diff import counted, unified
    from lgrun.cli.views import print_document, wants_document

    first = saved_code(env, saver, a)
    second = code_now(env, first) if b is None else saved_code(env, saver, b)
    lines = unified((first.name, first.source), (second.name, second.source))
    if wants_document(env):
        sides = [
            {"name": each.name, "path": each.path or None, "sha256": sha256(each.source).hexdigest()}
            for each in (first, second)
        ]
        added, removed = counted(lines)
        document = {"schema": "lgrun.code/1", "a": sides[0], "b": sides[1], "same": first.source == second.source}
        print_document(env, document | {"added": added, "removed": removed, "diff": "".join(f"{x}\n" for x in lines)})
    elif first.source == second.source:
        env.note(f"no differences: {second.name} is the code that the last run of {first.name} began with")
    else:
        env.put_lines([Line(line, diff_style(line)) for line in lines])
    return first.source == second.source
