"""Chat models in workflow code: their tokens, and the messages that code returns, as events.

langchain-core hands callbacks to whatever runs inside in a context variable, which is set around user code. The library
is imported only for those who ask for messages; for others it counts if the workflow has loaded it.
"""

import functools
import importlib
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from lgrun._engine.context import current
from lgrun._engine.events import Kind, MessageStreamed, outward
from lgrun.constants import TAG_HIDDEN, TAG_NOSTREAM

if TYPE_CHECKING:
    from types import TracebackType

    from lgrun._engine.frame import Frame


class Inside:
    """User code of a frame runs in the `with` block: the current frame is known there, to chat models too."""

    __slots__ = ("_frame", "_outer", "_token")

    def __init__(self, frame: "Frame") -> None:
        self._frame = frame

    def __enter__(self) -> None:
        self._token = current.set(self._frame)
        self._outer = self._frame.run.chat.enter(self._frame)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: "TracebackType | None"
    ) -> None:
        if self._outer is not None:
            self._outer.var.reset(self._outer)
        current.reset(self._token)


class _Handed(Mapping[str, Any]):
    """A frame's configuration as models get it, made when the first of them looks: most code calls none."""

    __slots__ = ("_frame", "_made")

    def __init__(self, frame: "Frame") -> None:
        self._frame = frame
        self._made: dict[str, Any] | None = None

    def _config(self) -> dict[str, Any]:
        if self._made is None:
            about = self._frame.config
            own = {key: value for key, value in about.items() if key not in ("run_id", "run_name")}
            self._made = {**own, "metadata": {"checkpoint_ns": _place(self._frame), **about["metadata"]}}
        return self._made

    def __getitem__(self, key: str) -> Any:
        return self._config()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._config())

    def __len__(self) -> int:
        return len(self._config())


class Chat:
    """What chat models in a run's code are told, and how they are heard.

    Args:
        messages: somebody wants to hear of messages; None: once the workflow has loaded langchain-core.
    """

    def __init__(self, messages: bool | None) -> None:
        self._heard = messages is not False
        if messages:
            _load()

    def enter(self, frame: "Frame") -> Any:
        """Hand the frame's configuration to models that are called from here on; return the token to undo it."""
        if (config := sys.modules.get("langchain_core.runnables.config")) is None:
            return None
        return config.var_child_runnable_config.set(_Handed(frame))

    def callbacks(self, frame: "Frame") -> dict[str, Any]:
        """Return what a frame's configuration gets: the caller's callbacks, and one that listens to chat models."""
        config = frame.run.config_at(frame.ns)
        given = config.get("callbacks")
        if not (self._heard or given) or "langchain_core.runnables.config" not in sys.modules:
            return {}
        core: Any = importlib.import_module("langchain_core.callbacks")
        # A manager, because two lists that meet add up, and tokens would come twice.
        manager = core.CallbackManager.configure(inheritable_callbacks=given, inheritable_tags=config.get("tags"))
        if self._heard:
            if frame.listener is None:
                # Several threads may ask at once: they share the first.
                vars(frame).setdefault("listener", _listener_class()(frame))
            manager.add_handler(frame.listener)
        return {"callbacks": manager}

    def began(self, frame: "Frame", args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Take note of the messages that code is given: they are not new when it returns them."""
        if not self._heard:
            return
        inputs = [*args, *kwargs.values()] if frame.call is None else _parts(frame.call.input)
        for message in _messages(inputs):
            if message.id is not None:
                tell(frame, message, "given")

    def returned(self, frame: "Frame", value: Any) -> None:
        """Show the messages that code returned, but those that were shown before."""
        if not self._heard:
            return
        call = frame.call
        if TAG_HIDDEN in (frame.run.config_at(frame.ns).get("tags") or ()) or (call is not None and call.hidden):
            return
        if call is not None and call.recorded:
            found = _messages([part for _, part in value.get("update", ())])
        elif isinstance(value, Sequence) or _is_message(value):
            found = _messages([value])
        else:
            found = _messages(_parts(value))
        for message in found:
            if message.id is None:
                # In place, so that whoever gets the result finds it under the same id.
                message.id = frame.new_id()
            tell(frame, message, "whole", {"ls_integration": "langgraph"})


def tell(frame: "Frame", message: Any, kind: Kind, more: Mapping[str, Any] = {}) -> None:
    """Emit a message that the code of a frame made; `more` is added to what is said about it."""
    outer = {"checkpoint_ns": _place(frame)} if frame.ns else {}
    metadata = {**outer, **frame.config["metadata"], **more}
    emit(frame, message, kind, metadata)


def emit(frame: "Frame", message: Any, kind: Kind, metadata: Mapping[str, Any]) -> None:
    """Emit a message that the code of a frame made, with what is said about it."""
    name, ns = frame.name, frame.ns
    frame.run.emit(MessageStreamed(id=frame.id, name=name, message=message, metadata=metadata, kind=kind, ns=ns))


def _place(frame: "Frame") -> str:
    """Return where the nested run was called that is around all others here; where code stands if there is none."""
    *_, at, _ = ((), *outward(frame.run.around, frame.ns))
    return "|".join(part for part in at if ":" in part) or frame.place_name


def _load() -> None:
    try:
        importlib.import_module("langchain_core.runnables.config")
    except ModuleNotFoundError:
        # Nothing here makes messages; those that are pushed are dicts.
        return


def _is_message(value: Any) -> bool:
    core: Any = sys.modules.get("langchain_core.messages.base")
    return core is not None and isinstance(value, core.BaseMessage)


def _messages(parts: Iterable[Any]) -> Iterator[Any]:
    """Yield the messages among values, and those in lists of them."""
    for part in parts:
        if _is_message(part):
            yield part
        elif isinstance(part, Sequence) and not isinstance(part, (str, bytes)):
            yield from (each for each in part if _is_message(each))


def _parts(value: Any) -> list[Any]:
    """Return the values in a dict, a dataclass or a pydantic model."""
    if isinstance(value, Mapping):
        return list(value.values())
    if is_dataclass(value):
        return [getattr(value, field.name) for field in fields(value)]
    names = getattr(type(value), "model_fields", ())
    return [getattr(value, name) for name in names]


@functools.cache
def _listener_class() -> Any:
    """Return the class of callbacks that make events of tokens."""
    callbacks: Any = importlib.import_module("langchain_core.callbacks")
    streaming: Any = importlib.import_module("langchain_core.tracers._streaming")

    class Listener(callbacks.BaseCallbackHandler, streaming._StreamingCallbackHandler):  # type: ignore[misc]
        """Hears the chat models that the code of one frame calls. That it is there makes `invoke` stream."""

        run_inline = True

        def __init__(self, frame: "Frame") -> None:
            self._frame = frame
            self._about: dict[Any, dict[str, Any]] = {}

        def tap_output_iter(self, run_id: Any, output: Any) -> Any:
            return output

        def tap_output_aiter(self, run_id: Any, output: Any) -> Any:
            return output

        def on_chat_model_start(
            self, serialized: Any, messages: Any, *, run_id: Any, tags: Any = None, metadata: Any = None, **_: Any
        ) -> None:
            if TAG_NOSTREAM in (tags or ()):
                return
            shown = [tag for tag in tags or () if not tag.startswith("seq:step")]
            about = {"checkpoint_ns": _place(self._frame), **self._frame.config["metadata"], **(metadata or {})}
            self._about[run_id] = {**about, "tags": shown} if shown else about

        def on_llm_new_token(self, token: str, *, chunk: Any = None, run_id: Any, **_: Any) -> None:
            if run_id in self._about and chunk is not None and hasattr(chunk, "message"):
                self._emit(chunk.message, "token", self._about[run_id])

        def on_llm_end(self, response: Any, *, run_id: Any, **_: Any) -> None:
            about = self._about.pop(run_id, None)
            if about is not None and response.generations and response.generations[0]:
                message = getattr(response.generations[0][0], "message", None)
                if message is not None:
                    self._emit(message, "whole", about)

        def on_llm_error(self, error: BaseException, *, run_id: Any, **_: Any) -> None:
            self._about.pop(run_id, None)

        def _emit(self, message: Any, kind: Kind, about: dict[str, Any]) -> None:
            frame = self._frame
            if message.id is None:
                message.id = frame.new_id()
            emit(frame, message, kind, about)
            frame.touch()

    return Listener
