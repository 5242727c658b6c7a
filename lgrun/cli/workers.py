"""Processes that work side by side, each a copy of this one as it was: what is loaded here need not be loaded there.

Processes and not threads, because what they run is code of others: it may compute for minutes, take the whole process
down, or change the current folder, and none of that may touch its neighbours. They are forked and not started afresh,
so that all of them run the very code and inputs that were checked here, at the price of loading them once. This
process must have no threads of its own for that, and has none: it waits in one place for all that can happen.

A worker is in a process group of its own, so Ctrl-C reaches it only through the process that started it. If that dies,
even by SIGKILL, the pipe its orders come through ends, and it stops in good order, as after SIGTERM.
"""

import os
import select
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NamedTuple, NoReturn

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PIECE = 1 << 16
_DISMISSED = b"\n"


class Reply(NamedTuple):
    """What became of an order.

    Args:
        order: which one.
        said: all that the worker has written about it.
        died: how the worker ended, as `os.waitstatus_to_exitcode` says it; None if it lives.
    """

    order: str
    said: bytes
    died: int | None


@dataclass(slots=True)
class Worker:
    """One process, seen from the one that started it.

    Args:
        pid: its number.
        orders: descriptor that orders are written to.
        answers: descriptor that its answers are read from.
        order: what it works on.
        said: what it has written about that.
    """

    pid: int
    orders: int
    answers: int
    order: str | None = None
    said: bytearray = field(default_factory=bytearray)


class Crew:
    """At most so many workers. Used in a `with` block, in which signals are collected.

    Args:
        do: called in a worker with an order and the descriptor for its answer, which must not hold a NUL.
        size: how many work at the same time.
        private: descriptors that workers must not have.
        heard: gets what arrives at `listen`, a descriptor that is read as well; or None.
        listen: that descriptor.

    Attributes:
        caught: the signals that came.
    """

    def __init__(
        self,
        do: Callable[[str, int], None],
        size: int,
        *,
        private: Sequence[int] = (),
        listen: int | None = None,
        heard: Callable[[bytes], None] | None = None,
    ) -> None:
        self._do = do
        self._size = size
        self._private = private
        self._listen = listen
        self._heard = heard
        self._workers: list[Worker] = []
        self._old: dict[int, Any] = {}
        self.caught: list[int] = []

    def __enter__(self) -> "Crew":
        self._awake, self._wake = os.pipe()
        os.set_blocking(self._awake, False)
        os.set_blocking(self._wake, False)
        self._old_wake = signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        for signum in STOPPING:
            # A signal that was ignored from the start stays ignored: nohup, background jobs of a shell.
            if signal.getsignal(signum) is not signal.SIG_IGN:
                self._old[signum] = signal.signal(signum, lambda signum, _frame: self.caught.append(signum))
        self._old[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda _signum, _frame: None)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Wait until all workers have ended; those that have no order are told to."""
        for worker in self._workers:
            if worker.order is None:
                _write(worker.orders, _DISMISSED)
            os.close(worker.orders)
            os.close(worker.answers)
        for worker in self._workers:
            os.waitpid(worker.pid, 0)
        signal.set_wakeup_fd(self._old_wake)
        for signum, old in self._old.items():
            signal.signal(signum, old)
        os.close(self._awake)
        os.close(self._wake)

    @property
    def busy(self) -> int:
        """Return how many orders are being worked on."""
        return sum(worker.order is not None for worker in self._workers)

    @property
    def full(self) -> bool:
        """Tell whether nobody is free for another order."""
        return self.busy >= self._size

    def give(self, order: str) -> None:
        """Let a worker do something: one line of text."""
        worker = next((each for each in self._workers if each.order is None), None) or self._hire()
        worker.order = order
        worker.said.clear()
        _write(worker.orders, order.encode() + b"\n")

    def signal(self, signum: int) -> None:
        """Send a signal to all that work on something."""
        for worker in self._workers:
            if worker.order is not None:
                os.kill(worker.pid, signum)

    def wait(self, seconds: float) -> Iterator[Reply]:
        """Wait until something happens, at most so long, and yield what became of orders."""
        known = {worker.answers: worker for worker in self._workers}
        others = [self._awake] if self._listen is None else [self._awake, self._listen]
        poll = select.poll()
        for descriptor in [*known, *others]:
            poll.register(descriptor, select.POLLIN)
        ready = {descriptor for descriptor, _ in poll.poll(seconds * 1000)}
        if self._listen in ready and self._heard is not None and self._listen is not None:
            self._heard(os.read(self._listen, _PIECE))
        if self._awake in ready:
            _drain(self._awake)
        for descriptor, worker in known.items():
            if descriptor in ready:
                worker.said += _drain(descriptor)
            if worker.said.endswith(b"\0"):
                yield self._done(worker, None)
            elif (ended := _ended(worker.pid)) is not None:
                worker.said += _drain(descriptor)
                self._workers.remove(worker)
                os.close(worker.orders)
                os.close(worker.answers)
                if worker.order is not None:
                    yield self._done(worker, ended)

    def _done(self, worker: Worker, died: int | None) -> Reply:
        reply = Reply(str(worker.order), bytes(worker.said).rstrip(b"\0"), died)
        worker.order = None
        worker.said.clear()
        return reply

    def _hire(self) -> Worker:
        theirs, orders = os.pipe()
        answers, answer = os.pipe()
        private = [orders, answers, self._awake, self._wake, *self._private]
        private += [fd for worker in self._workers for fd in (worker.orders, worker.answers)]
        if self._listen is not None:
            private.append(self._listen)
        with _signals_held_back():
            pid = os.fork()
            if pid == 0:
                self._live(private, theirs, answer)
        os.close(theirs)
        os.close(answer)
        os.set_blocking(answers, False)
        worker = Worker(pid, orders, answers)
        self._workers.append(worker)
        return worker

    def _live(self, private: list[int], orders: int, answer: int) -> NoReturn:
        """Be a worker. Nothing may lead back into what the process was before."""
        try:
            os.setpgid(0, 0)
            signal.set_wakeup_fd(-1)
            for signum in self._old:
                signal.signal(signum, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, (*STOPPING, signal.SIGCHLD))
            for descriptor in private:
                os.close(descriptor)
            _serve(orders, answer, self._do)
            _leave()
        except BaseException:
            import traceback

            traceback.print_exc()
        os._exit(70)


def _serve(orders: int, answer: int, do: Callable[[str, int], None]) -> None:
    from queue import SimpleQueue
    from threading import Thread

    queue: SimpleQueue[bytes] = SimpleQueue()

    def listen() -> None:
        # The next order is only written when the one before is done, so they do not run together.
        while data := os.read(orders, _PIECE):
            queue.put(data.removesuffix(b"\n"))
            if data == _DISMISSED:
                return
        # Whoever gave the orders has died.
        queue.put(b"")
        os.kill(os.getpid(), signal.SIGTERM)

    Thread(target=listen, name="lgrun-orders", daemon=True).start()
    while order := queue.get():
        do(order.decode(), answer)
        _write(answer, b"\0")


def _leave() -> NoReturn:
    """End like a process that came to its end: what user code registered for that is called."""
    import atexit

    try:
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    finally:
        os._exit(0)


def _write(descriptor: int, data: bytes) -> None:
    """Write to a process that may just have died: whoever needs to know finds that elsewhere."""
    try:
        os.write(descriptor, data)
    except BrokenPipeError:
        pass


def _drain(descriptor: int) -> bytes:
    data = bytearray()
    try:
        while piece := os.read(descriptor, _PIECE):
            data += piece
    except BlockingIOError:
        pass
    return bytes(data)


def _ended(pid: int) -> int | None:
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Keep signals away from a process that is not yet set up for them."""
    old = signal.pthread_sigmask(signal.SIG_BLOCK, (*STOPPING, signal.SIGCHLD))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, old)
