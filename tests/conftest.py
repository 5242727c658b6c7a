"""What every test relies on."""

import os
import signal

# Without compiled files each of the thousand commands that are started here would compile all of lgrun anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A shell starts background jobs with the interrupt signal ignored, nohup ignores another, and children inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
