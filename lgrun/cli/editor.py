"""An answer written in the person's editor."""

import shlex
import signal
import subprocess
import tempfile
from pathlib import Path

from lgrun.cli.answers import BadAnswer, coerce
from lgrun.cli.env import Environment
from lgrun.cli.inputs import Typed
from lgrun.cli.question import Question


def edit(env: Environment, question: Question) -> object:
    """Open the editor on the proposed answer and return what is saved.

    Raises:
        BadAnswer: there is no editor, it failed, or nothing was written.
    """
    proposed = str(question.default[0]) if question.default is not None else ""
    written = _edited(env, proposed).removesuffix("\n")
    if not written.strip():
        raise BadAnswer("nothing was written")
    return coerce(question, Typed(written))


def _edited(env: Environment, text: str) -> str:
    words = shlex.split(env.environ.get("VISUAL") or env.environ.get("EDITOR") or "vi")
    with tempfile.TemporaryDirectory(prefix="lgrun-") as folder:
        path = Path(folder) / "answer.md"
        path.write_text(text + "\n" if text else "", "utf-8")
        # Ctrl-C belongs to the editor while it runs. (An ignored signal would be inherited; a handler is not.)
        old = signal.signal(signal.SIGINT, lambda _signum, _frame: None)
        try:
            done = subprocess.run(
                [*words, str(path)], check=False, stdin=env.stdin, stdout=env.stderr, stderr=env.stderr
            )
        except OSError as error:
            raise BadAnswer(f"the editor {words[0]} does not start: {error.strerror}; set EDITOR") from None
        finally:
            signal.signal(signal.SIGINT, old)
        if done.returncode:
            raise BadAnswer(f"{words[0]} ended with {done.returncode}, so nothing is sent")
        return path.read_text("utf-8", errors="replace")
