"""`@task` and `@entrypoint`: from a function's signature to what the engine runs."""

import functools
import inspect
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeAlias, TypeVar, overload

from lgrun._engine.caching import space_of
from lgrun._engine.context import current, require_frame
from lgrun._engine.model import Function
from lgrun._engine.program import Final, FunctionProgram
from lgrun._engine.retry import as_policies
from lgrun._signature import Timeout, injected, is_async, name_of, timeout_of
from lgrun.cache.base import BaseCache
from lgrun.checkpoint.base import BaseCheckpointSaver
from lgrun.store.base import BaseStore
from lgrun.types import CachePolicy, RetryPolicy
from lgrun.workflow import Extras, Workflow

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["TaskDecorator", "TaskFunction", "entrypoint", "task"]

_P = ParamSpec("_P")
_R = TypeVar("_R")

_POSITIONS = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


if TYPE_CHECKING:

    class TaskCall(Future[_R]):
        """What a call of a task returns: in sync code a future, in async code one to await. Either gives its result."""

        def __await__(self) -> Generator[Any, None, _R]: ...


class TaskFunction(Generic[_P, _R]):
    """A task. Calling it inside a workflow starts it and returns its future.

    In sync code the future is a `concurrent.futures.Future`; in async code it is an `asyncio.Future` to await.
    """

    def __init__(self, function: Function) -> None:
        self._function = function
        functools.update_wrapper(self, function.call)
        self.__name__ = function.name

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> "TaskCall[_R]":
        """Start the task.

        Raises:
            RuntimeError: called outside a running workflow.
        """
        frame: Any = current.get() or require_frame(f"task {self.__name__!r}")
        return frame.driver.call(frame, self._function, args, kwargs)  # type: ignore[no-any-return]

    def clear_cache(self, cache: BaseCache[Any]) -> None:
        """Forget all results of the task that a cache keeps."""
        cache.clear([space_of(self._function)])

    async def aclear_cache(self, cache: BaseCache[Any]) -> None:
        """Forget all results of the task that a cache keeps."""
        await cache.aclear([space_of(self._function)])

    def __repr__(self) -> str:
        return f"<task {self.__name__!r}>"


class TaskDecorator(Protocol):
    """What `task` with options returns: it makes a task of a function."""

    @overload
    def __call__(self, func: Callable[_P, Awaitable[_R]], /) -> TaskFunction[_P, _R]: ...
    @overload
    def __call__(self, func: Callable[_P, _R], /) -> TaskFunction[_P, _R]: ...


@overload
def task(func: Callable[_P, Awaitable[_R]], /) -> TaskFunction[_P, _R]: ...
@overload
def task(func: Callable[_P, _R], /) -> TaskFunction[_P, _R]: ...
@overload
def task(
    *,
    name: str | None = None,
    retry_policy: RetryPolicy | Sequence[RetryPolicy] | None = None,
    cache_policy: CachePolicy | None = None,
    timeout: Timeout = None,
) -> TaskDecorator: ...
def task(
    func: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    retry_policy: RetryPolicy | Sequence[RetryPolicy] | None = None,
    cache_policy: CachePolicy | None = None,
    timeout: Timeout = None,
) -> Any:
    """Make a function a task: a step whose result is saved and never computed twice in a run.

    Args:
        func: the function, sync or async; any callable with a signature.
        name: what its calls are called in streams and histories; by default the function's name.
        retry_policy: when to try again after an error; of several, the first that matches decides.
        cache_policy: which calls are the same, so that the workflow's cache may answer them in other threads and runs.
        timeout: how long an attempt may take, in seconds, as a timedelta or a TimeoutPolicy; async functions only.

    Raises:
        ValueError: a timeout for a sync function.
    """

    def decorate(call: Callable[..., Any]) -> TaskFunction[..., Any]:
        return TaskFunction(
            Function(
                name=name or name_of(call),
                call=call,
                is_async=is_async(call),
                inject=injected(call, skip=0),
                retry=as_policies(retry_policy),
                timeout=timeout_of(timeout, call, f"Task {name or name_of(call)!r}"),
                cache=cache_policy,
            )
        )

    return decorate if func is None else decorate(func)


class entrypoint:  # the documented name
    """Make a function a workflow.

    The function takes the input as its first parameter; it may ask for `previous`, `config`, `writer`, `store` and
    `runtime` by name.

    Args:
        checkpointer: where threads are saved; without one a run can be neither resumed nor looked at. True: inside
            another workflow it gets as `previous` what its call before saved.
        store: long-term memory, shared by all threads.
        cache: where results of tasks with a cache policy are kept for other threads and runs.
        context_schema: what `context` is made of when it is given as a dict: a dataclass or a pydantic model.
        cache_policy: which inputs are the same, so that the cache may answer the whole run; and the policy of tasks
            without one of their own.
        retry_policy: when to run the function again after an error; its finished tasks hand back their results. Tasks
            without a policy of their own inherit it.
        timeout: how long an attempt may take, in seconds, as a timedelta or a TimeoutPolicy; async functions only.

    Raises:
        TypeError: it was written without parentheses.
    """

    final: TypeAlias = Final
    """`entrypoint.final(value=..., save=...)`: give `value` to the caller and `save` to the next run as `previous`."""

    def __init__(
        self,
        checkpointer: BaseCheckpointSaver | bool | None = None,
        store: BaseStore | None = None,
        cache: BaseCache[Any] | None = None,
        context_schema: type[Any] | None = None,
        cache_policy: CachePolicy | None = None,
        retry_policy: RetryPolicy | Sequence[RetryPolicy] | None = None,
        timeout: Timeout = None,
    ) -> None:
        if inspect.isfunction(checkpointer):
            raise TypeError(f"write @entrypoint() above {checkpointer.__name__!r}, with parentheses")
        self._checkpointer = checkpointer
        self._extras = Extras(store, cache, context_schema, cache_policy)
        self._retry = as_policies(retry_policy)
        self._timeout = timeout

    def __call__(self, func: Callable[..., Any]) -> Workflow:
        """Return the workflow.

        Raises:
            NotImplementedError: `func` is a generator.
            ValueError: `func` has no parameter for the input, or is sync and has a timeout.
            TypeError: the checkpointer is none.
        """
        if inspect.isgeneratorfunction(func) or inspect.isasyncgenfunction(func):
            raise NotImplementedError("Generators are not supported in the Functional API.")
        first = next(iter(inspect.signature(func).parameters.values()), None)
        if first is None or first.kind not in _POSITIONS:
            raise ValueError("Entrypoint function must have at least one parameter: the workflow's input")
        function = Function(
            name=name_of(func),
            call=func,
            is_async=is_async(func),
            inject=injected(func, skip=1),
            retry=self._retry,
            timeout=timeout_of(self._timeout, func, f"Node {name_of(func)!r}"),
            cache=self._extras.policy,
        )
        return Workflow(
            FunctionProgram(function.name, function),
            checkpointer=self._checkpointer,
            retry=self._retry,
            is_async=function.is_async,
            source=func,
            extras=self._extras,
        )
