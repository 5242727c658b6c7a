"""Runs a generated program to its end, and tells what was seen on the way."""

from collections.abc import Iterator
from typing import Any

from tests.fidelity.api import THREAD, Api
from tests.fidelity.plain import Bag, lines
from tests.fidelity.rendering import Boom, Workflow
from tests.fidelity.trees import Tree

MOST_ROUNDS = 60
CONFIG = {**THREAD, "max_concurrency": 16}
"""Enough threads that LangGraph's nested tasks cannot wait for each other."""


def answer(question: str) -> Any:
    """Return the answer to a question: always the same one, and often a falsy one."""
    return [0, "", False, "yes", {"a": [1]}, []][sum(question.encode()) % 6]


def observations(tree: Tree, api: Api) -> list[str]:
    """Return all that is compared of a program, as lines."""
    return lines(_observe(tree, Workflow(tree, api), api))


def _observe(tree: Tree, workflow: Workflow, api: Api) -> Iterator[Any]:
    flow = workflow.flow
    for given in (1, 2) if tree.twice else (1,):
        for _ in range(MOST_ROUNDS):
            chunks, error = _round(tree, flow, given)
            chunks = [_distinct(chunk) for chunk in chunks if not _forged(chunk)]
            yield {"chunks": Bag(chunks) if tree.concurrent else chunks, "error": error}
            state = flow.get_state(THREAD)
            yield {"values": state.values, "next": state.next}
            if error is not None:
                yield [task.error for task in state.tasks]
            asked = [question for chunk in chunks for question in _questions(chunk)]
            if error is not None:
                given = None
            elif asked:
                given = api.Command(resume={question.id: answer(question.value) for question in asked})
            else:
                break
        else:
            yield "it never ends"
    yield [(s.values, s.next, s.metadata) for s in flow.get_state_history(THREAD)]
    yield dict(workflow.ran)


def _forged(chunk: Any) -> bool:
    """Tell LangGraph's update of code that got an answer and then failed; no generated code returns None."""
    mode, data = chunk
    return mode == "updates" and list(data.values()) == [None]


def _distinct(chunk: Any) -> Any:
    """Name each question once; LangGraph repeats one that a task of a workflow inside a task asks."""
    mode, data = chunk
    if not isinstance(data, dict) or "__interrupt__" not in data:
        return chunk
    return mode, {**data, "__interrupt__": tuple({each.id: each for each in data["__interrupt__"]}.values())}


def _questions(chunk: Any) -> list[Any]:
    mode, data = chunk
    return list(data.get("__interrupt__", ())) if mode == "updates" else []


def _round(tree: Tree, flow: Any, given: Any) -> tuple[list[Any], BaseException | None]:
    chunks: list[Any] = []
    modes = ["updates", "values", "custom"]

    async def run() -> None:
        async for chunk in flow.astream(given, CONFIG, stream_mode=modes):
            chunks.append(chunk)

    try:
        if tree.is_async:
            Api.run(run())
        else:
            for chunk in flow.stream(given, CONFIG, stream_mode=modes):
                chunks.append(chunk)
    except Boom as error:
        return chunks, error
    return chunks, None
