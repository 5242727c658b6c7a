"""What every test relies on."""

import os
import signal
import sys

import pytest

# Without compiled files each of the thousand commands that are started here would compile all of lgrun anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A shell starts background jobs with the interrupt signal ignored, nohup ignores another, and children inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

_PROCESS = os.getpid()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A child that a test has forked, and that came back instead of ending, must not go on with the tests."""
    if os.getpid() != _PROCESS:
        print(f"a forked child came back: {report.nodeid}", report.longreprtext, sep="\n", file=sys.stderr, flush=True)
        os._exit(70)
