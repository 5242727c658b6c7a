"""Where the installed command starts. Only the standard library, and little of it, until Typer is really needed."""

import os
import sys


def main() -> int:
    """Run the command line and return its exit code."""
    _open_standard_streams()
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        return _print_version()
    if arguments[:1] == ["__complete"]:
        return _complete(arguments[1:])
    import signal

    # Until a command begins there is nothing to put in order: Ctrl-C ends the process, without a traceback.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from lgrun.cli import collecting

    collecting.postpone()
    from lgrun.cli.app import run

    try:
        return run(arguments)
    finally:
        collecting.leave()


def _open_standard_streams() -> None:
    """Put /dev/null where descriptor 0, 1 or 2 is closed.

    Otherwise the next file opened would get that number, and whatever is printed would be written into it: the state.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest free number is taken, and those below this one are in use.
            os.open(os.devnull, os.O_RDWR)
            # Descriptors made by os.open are not inherited; the standard ones have to be.
            os.set_inheritable(descriptor, True)


def _print_version() -> int:
    from lgrun import __version__

    try:
        os.write(1, f"lgrun {__version__}\n".encode())
    except OSError:
        pass
    return 0


def _complete(words: list[str]) -> int:
    """Answer a shell in which Tab was pressed. Whatever goes wrong, nothing is to disturb the line being typed."""
    try:
        from lgrun.cli.completing import complete

        os.write(1, complete(words).encode(errors="replace"))
    except Exception:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())


if "_LGRUN_WORKFLOW" in os.environ:
    # `multiprocessing` imports what started the process around before it looks for the function that it is to call.
    from lgrun.cli.spawned import find

    find()
