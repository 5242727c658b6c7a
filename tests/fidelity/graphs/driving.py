"""Runs a generated graph to its end, and tells what was seen on the way."""

from collections.abc import Generator, Iterable, Iterator
from typing import Any

from tests.fidelity.api import THREAD, Api
from tests.fidelity.driving import MOST_ROUNDS, answer
from tests.fidelity.graphs.making import at
from tests.fidelity.graphs.rendering import Boom, Workflow
from tests.fidelity.graphs.shapes import Shape
from tests.fidelity.plain import Bag, attempt, lines

CONFIG = {**THREAD, "max_concurrency": 16, "recursion_limit": 30}
MODES = ["updates", "values", "custom"]
LOST = ("InvalidUpdateError", "GraphRecursionError")
"""Errors after which going on leads to the same error, or to no end."""


def observations(shape: Shape, api: Api, settle: float = 0.04) -> list[str]:
    """Return all that is compared of a graph, as lines."""
    workflow = Workflow(shape, api, settle)
    return lines(_observe(shape, workflow, api))


def _observe(shape: Shape, workflow: Workflow, api: Api) -> Iterator[Any]:
    flow = workflow.flow
    edit = shape.edit
    for given in ({"log": ["in"]}, {"log": ["again"]}) if shape.twice else ({"log": ["in"]},):
        lost = yield from _run(shape, flow, given, api, CONFIG, edit)
        if lost:
            break
        edit = ""
    entries = list(flow.get_state_history(THREAD))
    if not (lost and shape.durability == "exit"):
        # Otherwise LangGraph saves a checkpoint with half of what the step wrote that could not be applied.
        yield _told(entries)
    # At the latest checkpoint there is nothing to go back to.
    if shape.back % max(1, len(entries)) and not lost:
        old = entries[shape.back % len(entries)]
        config = {**CONFIG, "configurable": at(old)["configurable"]}
        yield from _run(shape, flow, None, api, config, "")
        yield _told(flow.get_state_history(THREAD))
    yield dict(workflow.ran)


def _told(history: Iterable[Any]) -> list[Any]:
    """Tell a history; LangGraph shows an update by hand as a result of the checkpoint that it was made at."""
    told, edited = [], set()
    for entry in history:
        if entry.metadata["source"] == "update":
            edited.add(entry.parent_config["configurable"]["checkpoint_id"])
        replaced = entry.config["configurable"]["checkpoint_id"] in edited
        tasks = [(task.name, task.path, None if replaced else task.result) for task in entry.tasks]
        told.append((entry.values, entry.next, entry.metadata, tasks))
    return told


def _run(shape: Shape, flow: Any, given: Any, api: Api, config: Any, edit: str) -> Generator[Any, None, bool]:
    """Run to the end; return true if there is none."""
    for _ in range(MOST_ROUNDS):
        chunks, error = _round(shape, flow, given, config)
        config = CONFIG
        steps = _by_step(chunks)
        if _doomed(steps) and (type(error).__name__ not in LOST or _asks(steps)):
            # The finished nodes of a step that stands wrote one key: LangGraph cannot show its state, and may already
            # fail when it tells of the question.
            yield {"chunks": steps[:-1]}
            return True
        if type(error).__name__ == "GraphRecursionError" and (given is None or isinstance(given, api.Command)):
            # A run that is taken up may make two steps more in LangGraph.
            return True
        yield {"chunks": steps, "error": error}
        if type(error).__name__ in LOST:
            return True
        state = flow.get_state(THREAD)
        yield {"values": state.values, "next": state.next}
        if error is not None:
            yield [task.name for task in state.tasks if task.error == repr(error)]
            given = None
            continue
        yield [(task.name, task.path, task.interrupts, task.result) for task in state.tasks]
        if not state.next:
            return False
        if edit:
            yield from _edited(flow, edit, state.next[0])
            edit, given = "", None
            continue
        answers = {question.id: answer(question.value) for question in state.interrupts}
        given = api.Command(resume=answers) if answers else None
    yield "it never ends"
    return True


def _edited(flow: Any, edit: str, following: str) -> Iterator[Any]:
    options = {"as_node": following} if edit == "next" else {}
    yield attempt(flow.update_state, THREAD, {"log": ["by hand"]}, text=False, **options)
    state = flow.get_state(THREAD)
    yield state.values, state.next, state.interrupts


def _by_step(chunks: list[Any]) -> list[Any]:
    """Order the chunks of each step: its nodes finish as they can, and its values end it."""
    steps: list[Any] = [[]]
    for mode, data in chunks:
        if _forged(mode, data):
            continue
        if mode == "values" and "__interrupt__" not in data:
            steps += [data, []]
        else:
            steps[-1].append((mode, data))
    return [Bag(step) if isinstance(step, list) else step for step in steps if step != []]


def _doomed(steps: list[Any]) -> bool:
    last = steps[-1].items if steps and isinstance(steps[-1], Bag) else []
    updates = [update for mode, data in last if mode == "updates" for update in data.values()]
    return sum(isinstance(update, dict) and "last" in update for update in updates) > 1


def _asks(steps: list[Any]) -> bool:
    return any(mode == "updates" and "__interrupt__" in data for mode, data in steps[-1].items)


def _forged(mode: str, data: Any) -> bool:
    """Tell LangGraph's update of a node that got an answer and then failed; no generated node returns None."""
    return mode == "updates" and list(data.values()) == [None]


def _round(shape: Shape, flow: Any, given: Any, config: Any) -> tuple[list[Any], BaseException | None]:
    chunks: list[Any] = []

    options = {"stream_mode": MODES, "durability": shape.durability}

    async def run() -> None:
        async for chunk in flow.astream(given, config, **options):
            chunks.append(chunk)

    try:
        if shape.is_async:
            Api.run(run())
        else:
            for chunk in flow.stream(given, config, **options):
                chunks.append(chunk)
    except Exception as error:
        if not isinstance(error, Boom) and type(error).__name__ not in LOST:
            raise
        return chunks, error
    return chunks, None
