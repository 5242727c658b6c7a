"""What every test relies on."""

import signal

# A shell starts background jobs with the interrupt signal ignored, and children inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
