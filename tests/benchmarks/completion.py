"""How long Tab takes, against a Python that does nothing.

    python tests/benchmarks/completion.py [ROUNDS]

Both run in turn, so that a busy machine slows both down; the figures are medians.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WORKFLOW = """
from lgrun.func import entrypoint
from lgrun.types import interrupt

@entrypoint()
def ask(input: dict):
    \"\"\"Ask.\"\"\"
    return interrupt({"question": "go on?", "options": ["yes", "no"]})
"""
THREADS = 20
LGRUN = str(Path(sys.executable).parent / "lgrun")


def seconds(command: list[str], folder: str) -> tuple[float, float]:
    """Run a command; return how long it took, and how long it kept the processor busy."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, check=True)
    took, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(rounds: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LGRUN_STATE_DIR"] = f"{folder}/state"
        Path(folder, "workflows").mkdir()
        Path(folder, "workflows", "ask.py").write_text(WORKFLOW)
        inputs = "".join(f'{{"n": {n}}}\n' for n in range(THREADS))
        subprocess.run(
            [LGRUN, "batch", "ask", "-", "-q"], cwd=folder, input=inputs, text=True, stdout=subprocess.DEVNULL
        )
        for words in ([""], ["resume", ""], ["invoke", ""], ["invoke", "ask", ""]):
            pairs = [
                (seconds([sys.executable, "-c", "pass"], folder), seconds([LGRUN, "__complete", *words], folder))
                for _ in range(rounds)
            ]
            bare, ours = ([statistics.median(pair[side][kind] for pair in pairs) for kind in (0, 1)] for side in (0, 1))
            print(
                f"lgrun {' '.join(words)}[Tab]".ljust(24),
                f"{ours[0] * 1000:.0f} ms, {ours[0] / bare[0]:.2f} x python -c pass ({bare[0] * 1000:.0f} ms);",
                f"of the processor {ours[1] * 1000:.0f} ms, {ours[1] / bare[1]:.2f} x",
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
