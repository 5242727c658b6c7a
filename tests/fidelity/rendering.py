"""From a tree to a workflow of the package under test."""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from concurrent.futures import wait
from typing import Any

from tests.fidelity.api import Api
from tests.fidelity.trees import Ask, Child, Fail, Node, Parallel, Task, Tree, Write, walk


class Boom(Exception):
    """What generated programs fail with."""


class Workflow:
    """A tree as a workflow; `ran` counts how often each piece of code ran.

    Args:
        tree: the program.
        api: the package under test.
    """

    def __init__(self, tree: Tree, api: Api) -> None:
        self.ran: Counter[str] = Counter()
        self._api = api
        self._passed: Counter[int] = Counter()
        self._made: dict[int, Any] = {}
        for node in walk(tree.body):
            if isinstance(node, Task):
                self._made[node.id] = self._task(node, tree.is_async and not (node.threaded and not node.inner))
            elif isinstance(node, Child):
                self._made[node.id] = self._workflow(f"child{node.id}", node.body, tree.is_async, None)
        self.flow = self._workflow("main", tree.body, tree.is_async, api.new_saver())

    def _workflow(self, name: str, body: tuple[Node, ...], is_async: bool, saver: Any) -> Any:
        def sync_main(x: int, *, previous: Any = None) -> Any:
            self.ran[name] += 1
            return [x, previous is None, [self._do(node) for node in body]]

        async def async_main(x: int, *, previous: Any = None) -> Any:
            self.ran[name] += 1
            return [x, previous is None, [await self._ado(node) for node in body]]

        main = async_main if is_async else sync_main
        main.__name__ = name
        return self._api.entrypoint(checkpointer=saver)(main)

    def _task(self, node: Task, is_async: bool) -> Any:
        name = f"task{node.id}"

        def sync_task(x: int) -> Any:
            self.ran[name] += 1
            inner = [self._do(part) for part in node.inner]
            return [name, x, inner, self._end(node)]

        async def async_task(x: int) -> Any:
            self.ran[name] += 1
            inner = [await self._ado(part) for part in node.inner]
            return [name, x, inner, self._end(node)]

        policy = self._api.now(max_attempts=node.attempts) if node.attempts else None
        return self._api.task(name=name, retry_policy=policy)(async_task if is_async else sync_task)

    def _end(self, node: Task) -> list[Any]:
        answers = [self._api.interrupt(f"task{node.id} question {n}") for n in range(node.questions)]
        self._fail(node.id, node.failures)
        return answers

    def _fail(self, id: int, times: int) -> None:
        self._passed[id] += 1
        if self._passed[id] <= times:
            raise Boom(f"{id} fails for the {self._passed[id]}. time")

    def _plain(self, node: Node) -> Any:
        match node:
            case Ask():
                return self._api.interrupt(f"question {node.id}")
            case Write():
                self._api.get_stream_writer()(f"writing {node.id}")
            case Fail():
                self._fail(node.id, node.times)
        return None

    # --- threads ---

    def _do(self, node: Node) -> Any:
        match node:
            case Child():
                return self._caught(node.caught, lambda: self._made[node.id].invoke(node.id))
            case Task():
                return self._caught(node.caught, lambda: self._made[node.id](node.id).result())
            case Parallel():
                futures = [self._made[task.id](task.id) for task in node.tasks]
                wait(futures)
                pairs = zip(node.tasks, futures, strict=True)
                return [self._caught(task.caught, future.result) for task, future in pairs]
        return self._plain(node)

    @staticmethod
    def _caught(caught: bool, call: Any) -> Any:
        try:
            return call()
        except Boom as error:
            if caught:
                return f"caught: {error}"
            raise

    # --- asyncio ---

    async def _ado(self, node: Node) -> Any:
        match node:
            case Child():
                return await self._acaught(node.caught, self._made[node.id].ainvoke(node.id))
            case Task():
                return await self._acaught(node.caught, self._made[node.id](node.id))
            case Parallel():
                futures = [self._made[task.id](task.id) for task in node.tasks]
                await asyncio.wait(futures)
                pairs = zip(node.tasks, futures, strict=True)
                return [await self._acaught(task.caught, future) for task, future in pairs]
        return self._plain(node)

    @staticmethod
    async def _acaught(caught: bool, work: Awaitable[Any]) -> Any:
        try:
            return await work
        except Boom as error:
            if caught:
                return f"caught: {error}"
            raise
