"""What streams yield, in every mode."""

from collections.abc import Iterator
from typing import Any

from tests.fidelity.api import THREAD, Api
from tests.fidelity.plain import Bag, attempt
from tests.fidelity.programs import program

MODES = ["updates", "values", "custom", "tasks", "checkpoints", "debug"]


def sample(api: Api, saver: Any = None) -> Any:
    """Return a workflow of two tasks that writes to its stream."""

    @api.task
    def add(x: int, by: int = 1) -> int:
        api.get_stream_writer()({"adding": by})
        return x + by

    @api.task
    def nothing() -> None:
        return None

    @api.entrypoint(checkpointer=saver)
    def main(x: int) -> dict[str, int]:
        write = api.get_stream_writer()
        write("begin")
        y = add(x).result()
        nothing().result()
        write(("mid", y))
        return {"result": add(y, by=10).result()}

    return main


def _single(mode: str) -> None:
    def without_saver(api: Api) -> Any:
        return list(sample(api).stream(1, stream_mode=mode))

    def with_saver(api: Api) -> Iterator[Any]:
        flow = sample(api, api.new_saver())
        yield list(flow.stream(1, THREAD, stream_mode=mode))
        yield list(flow.stream(2, THREAD, stream_mode=mode))

    without_saver.__name__ = f"{mode}_without_saver"
    with_saver.__name__ = f"{mode}_with_saver"
    program(without_saver)
    program(with_saver)


for _mode in MODES:
    _single(_mode)


@program
def of_a_finished_thread(api: Api) -> Iterator[Any]:
    """There is nothing to run; the state is shown all the same."""
    flow = sample(api, api.new_saver())
    flow.invoke(1, THREAD)
    for mode in MODES:
        yield list(flow.stream(None, THREAD, stream_mode=mode))


@program
def default_mode(api: Api) -> Any:
    """Updates, without being asked."""
    return list(sample(api).stream(1))


@program
def a_list_of_all_modes(api: Api) -> Any:
    """Pairs of mode and chunk, in one order."""
    return list(sample(api, api.new_saver()).stream(1, THREAD, stream_mode=MODES))


@program
def a_list_of_one(api: Api) -> Any:
    """Pairs too."""
    return list(sample(api).stream(1, stream_mode=["updates"]))


@program
def an_unknown_mode(api: Api) -> Any:
    """Nothing, silently."""
    return list(sample(api).stream(1, stream_mode="nonsense"))


@program
def invoke_with_modes(api: Api) -> Iterator[Any]:
    """The list of chunks."""
    for mode in ("updates", "custom", "tasks", ["values"], ["updates", "custom"]):
        yield sample(api).invoke(1, stream_mode=mode)


@program
def version_two(api: Api) -> Iterator[Any]:
    """Parts with type, namespace and data; an output object from invoke."""
    flow = sample(api, api.new_saver())
    yield list(flow.stream(1, THREAD, stream_mode=["updates", "values", "custom"], version="v2"))
    yield list(flow.stream(1, THREAD, stream_mode="updates", version="v2"))
    yield flow.invoke(1, THREAD, version="v2")


@program
def version_two_of_a_question(api: Api) -> Iterator[Any]:
    """Questions stand beside the values."""

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> Any:
        return api.interrupt("?")

    yield list(main.stream(1, THREAD, stream_mode="updates", version="v2"))
    yield list(main.stream(None, THREAD, stream_mode="values", version="v2"))
    yield main.invoke(None, THREAD, version="v2")
    yield list(main.stream(api.Command(resume=1), THREAD, stream_mode=["updates", "values"], version="v2"))


@program
def output_keys(api: Api) -> Iterator[Any]:
    """The returned value, the saved one, both, or an error."""

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> Any:
        return api.entrypoint.final(value=x, save=x + 1)

    for keys in ("__end__", "__previous__", ["__end__", "__previous__"]):
        yield main.invoke(1, THREAD, output_keys=keys)
        yield list(main.stream(1, THREAD, output_keys=keys, stream_mode=["updates", "values"]))
    yield attempt(main.invoke, 1, THREAD, output_keys="zzz", text=False)


@program
def streams_of_a_resumed_run(api: Api) -> Iterator[Any]:
    """All modes, before and after a question."""

    @api.task
    def step(x: int) -> int:
        return x + 1

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> Any:
        a = step(x).result()
        answer = api.interrupt({"ask": a})
        return [step(a).result(), answer]

    for given in (1, api.Command(resume="yes"), 5, None, api.Command(resume="no")):
        yield list(main.stream(given, THREAD, stream_mode=MODES))


@program
def debug_of_a_resumed_run(api: Api) -> Iterator[Any]:
    """Steps count on."""

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> Any:
        return api.interrupt("?")

    for given in (1, api.Command(resume=2), 3):
        yield list(main.stream(given, THREAD, stream_mode="debug"))


@program
def tasks_mode_of_a_failure(api: Api) -> Iterator[Any]:
    """The error itself, for the task and the workflow."""

    @api.task
    def bad() -> None:
        raise ValueError("bad")

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> None:
        bad().result()

    for mode in ("tasks", "debug", "updates", "values", "checkpoints"):
        seen: list[Any] = []
        yield attempt(lambda: seen.extend(main.stream(1, THREAD, stream_mode=mode)))
        yield attempt(lambda: [seen.append(chunk) for chunk in main.stream(1, THREAD, stream_mode=mode)])
        yield seen


@program
def metadata_in_tasks_mode(api: Api) -> Any:
    """A start tells the caller's metadata and tags."""
    config = {"metadata": {"user": "u"}, "tags": ["a"]}
    return list(sample(api).stream(1, config, stream_mode="tasks"))


@program
def parallel_updates(api: Api) -> Any:
    """One chunk per task in any order, the workflow's last."""

    @api.task
    def square(x: int) -> int:
        return x * x

    @api.entrypoint()
    def main(n: int) -> list[int]:
        return [future.result() for future in [square(i) for i in range(n)]]

    chunks = list(main.stream(4))
    return Bag(chunks[:-1]), chunks[-1]


@program
def a_custom_object_is_the_very_object(api: Api) -> Any:
    """What is written is not copied."""
    sent = {"x": [1]}

    @api.entrypoint()
    def main(x: int) -> int:
        api.get_stream_writer()(sent)
        sent["x"].append(2)
        return x

    (chunk,) = list(main.stream(1, stream_mode="custom"))
    return chunk is sent, chunk


@program
def a_stream_is_lazy(api: Api) -> Any:
    """The body runs when the first chunk is asked for."""
    ran = []

    @api.entrypoint()
    def main(x: int) -> int:
        ran.append(x)
        return x

    stream = main.stream(1)
    before = list(ran)
    return before, list(stream), ran


@program
def leaving_early(api: Api) -> Iterator[Any]:
    """The run goes on to its end, and its results are saved."""
    ran = []

    @api.task
    def step(x: int) -> int:
        ran.append(x)
        return x

    @api.entrypoint(checkpointer=api.new_saver())
    def main(n: int) -> list[int]:
        return [step(i).result() for i in range(n)]

    for chunk in main.stream(3, THREAD):
        yield chunk
        break
    yield ran
    yield main.get_state(THREAD).values
    yield main.invoke(None, THREAD), ran


@program
def print_mode(api: Api) -> Any:
    """Chunks are printed as they come, for people."""
    import contextlib
    import io

    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        result = sample(api).invoke(1, print_mode=["updates", "custom"])
    return result, out.getvalue().splitlines()


@program
def unawaited_tasks(api: Api) -> Any:
    """They finish, and their chunks are seen."""
    import threading

    go = threading.Event()

    @api.task
    def late() -> str:
        go.wait(5)
        return "late"

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> str:
        late()
        go.set()
        return "done"

    return Bag(main.stream(1, THREAD))


@program
def checkpoints_of_a_complete_thread(api: Api) -> Iterator[Any]:
    """There is nothing to run: the latest one is shown."""
    flow = sample(api, api.new_saver())
    flow.invoke(1, THREAD)
    yield list(flow.stream(None, THREAD, stream_mode=MODES))


@program
def what_was_configured(api: Api) -> Iterator[Any]:
    """Checkpoints show it, and the user's metadata once they are stored."""
    config = {"metadata": {"user": "u"}, "configurable": {"thread_id": "t", "model": ["m"], "none": None}}
    flow = api.entrypoint(checkpointer=api.new_saver())(lambda x: api.interrupt("?"))
    for given in (1, None, api.Command(resume=2)):
        yield list(flow.stream(given, config, stream_mode="checkpoints"))


@program
def stopping_before_and_after(api: Api) -> Iterator[Any]:
    """In every mode."""
    for options in ({"interrupt_before": ["main"]}, {"interrupt_after": ["main"]}, {"interrupt_before": "*"}):
        flow = sample(api, api.new_saver())
        yield list(flow.stream(1, THREAD, stream_mode=MODES, **options))
        yield list(flow.stream(None, THREAD, stream_mode=MODES))


@program
def streams_of_each_durability(api: Api) -> Iterator[Any]:
    """With `exit`, what is not saved is nobody's parent."""
    for durability in ("sync", "async", "exit"):
        yield list(sample(api, api.new_saver()).stream(1, THREAD, stream_mode=MODES, durability=durability))
