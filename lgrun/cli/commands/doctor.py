"""`lgrun doctor`: what is wrong in the state directory, and putting it right."""

from typing import TYPE_CHECKING, Annotated

import typer

from lgrun.cli.env import Environment
from lgrun.cli.status import ExitStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lgrun.checkpoint.doctor import Finding


def doctor(
    env: Environment,
    fix: Annotated[bool, typer.Option("--fix", help="Do what is proposed.")] = False,
) -> ExitStatus:
    """List the settings, check every file of the state directory, and say what would be done about what is wrong.

    \b
    lgrun doctor
    lgrun doctor --fix
    lgrun doctor --json

    Without --fix nothing is changed. What --fix takes out is kept beside its place, as NAME.damaged. It is 6 if
    something stays damaged or refused, and 74 if something cannot be read.
    """
    from lgrun.checkpoint.doctor import examine
    from lgrun.cli.configuration import settings
    from lgrun.cli.render.doctor import document, lines, setting_lines
    from lgrun.cli.session import state_path
    from lgrun.cli.views import print_document, wants_document

    directory, known = state_path(env), settings(env)
    try:
        findings = list(examine(directory, mend=fix))
    except FileNotFoundError:
        findings = []
    except OSError as error:
        from lgrun.cli.diagnostics import Problem

        raise Problem("state-io", f"{directory}: {error.strerror}", status=ExitStatus.STATE_IO) from None
    status = _status(findings)
    if wants_document(env):
        print_document(env, document(directory, findings, status, known))
    else:
        shown = [] if env.flags.quiet else [*setting_lines(known), ""]
        env.put("".join(f"{line}\n" for line in [*shown, *lines(directory, findings, fix=fix)]))
    return status


def _status(findings: "Sequence[Finding]") -> ExitStatus:
    left = {finding.verdict for finding in findings if not finding.mended}
    if "unreadable" in left:
        return ExitStatus.STATE_IO
    return ExitStatus.REFUSED if left & {"damaged", "refused", "newer"} else ExitStatus.DONE
