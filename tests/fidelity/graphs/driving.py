"""Runs a generated graph to its end, and tells what was seen on the way."""

from collections.abc import Iterator
from typing import Any

from tests.fidelity.api import THREAD, Api
from tests.fidelity.driving import MOST_ROUNDS, answer
from tests.fidelity.graphs.rendering import Boom, Workflow
from tests.fidelity.graphs.shapes import Shape
from tests.fidelity.plain import Bag, lines

CONFIG = {**THREAD, "max_concurrency": 16, "recursion_limit": 30}
MODES = ["updates", "values", "custom"]
LOST = ("InvalidUpdateError", "GraphRecursionError")
"""Errors after which going on leads to the same error, or to no end."""


def observations(shape: Shape, api: Api, settle: float = 0.02) -> list[str]:
    """Return all that is compared of a graph, as lines."""
    workflow = Workflow(shape, api, settle)
    return lines(_observe(shape, workflow, api))


def _observe(shape: Shape, workflow: Workflow, api: Api) -> Iterator[Any]:
    flow = workflow.flow
    for given in ({"log": ["in"]}, {"log": ["again"]}) if shape.twice else ({"log": ["in"]},):
        for _ in range(MOST_ROUNDS):
            chunks, error = _round(shape, flow, given)
            yield {"chunks": _by_step(chunks), "error": error}
            if type(error).__name__ in LOST:
                break
            state = flow.get_state(THREAD)
            yield {"values": state.values, "next": state.next}
            if error is not None:
                yield [task.name for task in state.tasks if task.error == repr(error)]
                given = None
                continue
            yield [(task.name, task.path, task.interrupts, task.result) for task in state.tasks]
            if not state.next:
                break
            answers = {question.id: answer(question.value) for question in state.interrupts}
            given = api.Command(resume=answers) if answers else None
        else:
            yield "it never ends"
        if type(error).__name__ in LOST:
            break
    for entry in flow.get_state_history(THREAD):
        yield entry.values, entry.next, entry.metadata, [(t.name, t.path, t.result) for t in entry.tasks]
    yield dict(workflow.ran)


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


def _forged(mode: str, data: Any) -> bool:
    """Tell LangGraph's update of a node that got an answer and then failed; no generated node returns None."""
    return mode == "updates" and list(data.values()) == [None]


def _round(shape: Shape, flow: Any, given: Any) -> tuple[list[Any], BaseException | None]:
    chunks: list[Any] = []

    async def run() -> None:
        async for chunk in flow.astream(given, CONFIG, stream_mode=MODES):
            chunks.append(chunk)

    try:
        if shape.is_async:
            Api.run(run())
        else:
            for chunk in flow.stream(given, CONFIG, stream_mode=MODES):
                chunks.append(chunk)
    except Exception as error:
        if not isinstance(error, Boom) and type(error).__name__ not in LOST:
            raise
        return chunks, error
    return chunks, None
