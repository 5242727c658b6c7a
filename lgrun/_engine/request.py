"""What the caller of a run asked for: configuration and options, read once."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypedDict

from lgrun._engine.events import Event, Namespace, Outputs, RunEnded
from lgrun._engine.frame import NAMES
from lgrun._engine.program import Pauses
from lgrun._engine.project import Projector
from lgrun._engine.settings import Settings
from lgrun._engine.writing import Hearing, Shortcut
from lgrun.constants import INTERRUPT
from lgrun.runtime import RunControl
from lgrun.types import Durability, GraphOutput, RetryPolicy, StreamMode

Config: TypeAlias = Mapping[str, Any]
Modes: TypeAlias = StreamMode | Sequence[StreamMode]
Names: TypeAlias = Literal["*"] | Sequence[str] | None


class RunOptions(TypedDict, total=False):
    """How to run a workflow; the keyword arguments of `invoke` and its siblings.

    Args:
        stream_mode: what is yielded. `updates`: `{name: result}` of each task and of the workflow; `values`: the
            thread's value; `custom`: what the workflow writes; `messages`: pairs (message, metadata), the tokens of
            chat models and the messages that code returns; `tasks`, `checkpoints`, `debug`: what the engine does.
            A list of them gives (mode, chunk) pairs. `stream` yields `updates` if not told otherwise; `invoke` returns
            what the workflow returns, or the list of chunks of the modes given.
        print_mode: modes whose chunks are printed while the workflow runs.
        debug: print updates and values, whatever `print_mode` says.
        output_keys: which of its values a workflow shows: keys of a graph's state; for functions `__end__`, what they
            return, or `__previous__`, what they save.
        interrupt_before, interrupt_after: `"*"`, or a list of names: stop before or after these steps; a functional
            workflow has one step, called like itself.
        durability: when results reach the disk: `sync` (default): before the workflow goes on; `async`: soon after;
            `exit`: when the run stops.
        subgraphs: show nested workflows too; each chunk has its namespace in front.
        control: asks the run to stop before its next step.
        context: what the run's code gets as `runtime.context`; a dict is made an instance of the workflow's context
            schema. It is not stored.
        version: `v2`: `stream` yields `{"type", "ns", "data"}` and `invoke` returns a GraphOutput.
    """

    stream_mode: Modes | None
    print_mode: Modes | tuple[()]
    debug: bool | None
    output_keys: str | Sequence[str] | None
    interrupt_before: Names
    interrupt_after: Names
    durability: Durability | None
    subgraphs: bool
    control: RunControl | None
    context: Any
    version: Literal["v1", "v2"]


class Request:
    """One call of `invoke`, `stream` or an async sibling.

    Args:
        config: its configuration.
        options: its keyword arguments.
        debug: the workflow is one that prints what it does.
        default: the stream mode if none is given.
        channels: the workflow's channels, of which `output_keys` names some.
        stepwise: the workflow has a state, which it shows while it waits.
        shown: which of them are shown, if not those that the workflow shows by itself, and none are named.
        root: namespace of the run that is asked for.
        now: the time, ISO 8601, for mode `debug`.

    Attributes:
        outputs: which of the channels are shown, if not those that the workflow shows by itself.
        configured: there is a configuration.
        config_at: returns the configuration of the run at a namespace.
    """

    def __init__(
        self,
        config: Config,
        options: RunOptions,
        *,
        debug: bool,
        default: StreamMode,
        channels: Sequence[str],
        stepwise: bool,
        shown: Outputs | None,
        root: Namespace,
        now: Callable[[], str],
    ) -> None:
        self.config = _read(config)
        self.configured = bool(config)
        self.config_at: Callable[[Namespace], Config] = lambda ns: self.config
        self.root = root
        self._options = options
        self._stepwise = stepwise
        self._asked = _outputs(options.get("output_keys"), channels)
        self.outputs = shown if self._asked is None else self._asked
        mode = options.get("stream_mode")
        self._mode = default if mode is None else mode
        printed: Modes | tuple[()] = options.get("print_mode") or ()
        self._printed = _several(["updates", "values"] if debug or options.get("debug") else printed)
        self._modes = {*_several(self._mode), *self._printed}
        self._checkpoints = not self._modes.isdisjoint(("checkpoints", "debug"))
        self._subgraphs = bool(options.get("subgraphs"))
        self._now = now
        self._projector = self._projecting(self._mode, root)
        self._printer = self._projecting(self._printed, root)
        self.context = options.get("context")
        self.chunks: list[Any] = []

    def _projecting(self, mode: Modes, root: Namespace) -> Projector:
        return Projector(
            mode,
            root=root,
            subgraphs=self._subgraphs,
            version=self._options.get("version", "v1"),
            outputs=self.outputs,
            config=self._config_of,
            now=self._now,
        )

    def _config_of(self, ns: Namespace) -> Config:
        return self.config_at(ns)

    @property
    def silent(self) -> bool:
        """Nobody wants to hear of anything but the end."""
        return self._mode == "values" and not self._printed and self._asked is None

    @property
    def messages(self) -> bool:
        """Somebody wants to hear of chat messages."""
        return "messages" in self._modes

    @property
    def eager(self) -> bool:
        """What comes of a step is shown at once, even that of a node alone: somebody wants to see code at work."""
        return self._subgraphs or not self._modes.isdisjoint(("custom", "messages"))

    def settings(self, *, saved: bool, retry: Sequence[RetryPolicy], nests: Callable[[], bool]) -> Settings:
        """Return what the run is told; a `saved` one needs a thread. `nests` is asked only if it matters."""
        checkpoints = self._checkpoints
        return Settings(
            thread=thread_id(self.config) if saved else "",
            config=self.config,
            durability=self._options.get("durability") or "sync",
            retry=retry,
            pause_before=self._options.get("interrupt_before") or (),
            pause_after=self._options.get("interrupt_after") or (),
            checkpoints=checkpoints,
            nests=checkpoints and nests(),
            control=self._options.get("control"),
            max_concurrency=self.config.get("max_concurrency"),
            subgraphs=self._subgraphs,
            messages=self.messages,
        )

    def hearing(self, put: Callable[[Any], None], *, alone: bool = False) -> Hearing:
        """Return what hears of the run that is asked for, where that is nested in another one; `put` takes chunks."""

        def tell(event: Event) -> None:
            for chunk in self.feed(event):
                put(chunk)

        return Hearing(self.root, tell, "custom" in self._modes, self._checkpoints, self._subgraphs, alone)

    def collecting(self, *, alone: bool = False) -> Hearing | None:
        """Return what hears of a nested run for `invoke`, if there is anything to hear."""
        return self.hearing(self.chunks.append, alone=alone) if not self.silent or (alone and self._subgraphs) else None

    def pauses(self, own: Pauses) -> Pauses | None:
        """Return where to stop, if the caller says so; `own` are the places of the workflow itself."""
        before, after = self._options.get("interrupt_before"), self._options.get("interrupt_after")
        return Pauses(before or own.before, after or own.after) if before or after else None

    @property
    def custom_alone(self) -> bool:
        """Nobody wants to hear of anything but what code writes to its stream: no events need to be made."""
        return self._projector.shows_only_custom and not self._printed

    def shortcut(self, put: Callable[[Any], None]) -> Shortcut | None:
        """Return the way past the events for what code writes to its stream, if there is one.

        Args:
            put: takes what `shown` is given: chunks if there are no events, else events and chunks in tuples.
        """
        if self._printed:
            return None
        return Shortcut(put if self.custom_alone else lambda chunk: put((chunk,)), self._projector.shape)

    def feed(self, event: Event) -> list[Any]:
        """Return the chunks that an event gives, and print those that are to be printed."""
        if self._printed:
            for line in self._printer.lines(event):
                print(line)
        return self._projector.chunks(event)

    def shown(self, items: Iterable[Any]) -> Iterator[Any]:
        """Yield the chunks that events give, and those that have gone past them, in their order."""
        if self.custom_alone:
            yield from items
            return
        for item in items:
            # Events may be named tuples.
            if type(item) is tuple:
                yield item[0]
            else:
                yield from self.feed(item)

    def collect(self, event: Event) -> None:
        """Keep the chunks that an event gives."""
        self.chunks.extend(self.feed(event))

    def result(self, ended: RunEnded) -> Any:
        """Return what `invoke` returns for a run that came to an end."""
        value = outcome(ended)
        if self._mode != "values":
            return self.chunks
        held = ended.value if self._stepwise else {}
        if self._asked is not None:
            value = self._latest()
            if ended.surfaced:
                held = {key: kept for key, kept in (value or {}).items() if key != INTERRUPT}
                value = {**held, INTERRUPT: list(ended.surfaced)}
        if self._options.get("version") == "v2":
            return GraphOutput(held, ended.surfaced) if ended.surfaced else GraphOutput(value)
        return value

    def nested_result(self, value: Any) -> Any:
        """Return what `invoke` returns for a workflow that was called inside another one."""
        if self._mode != "values":
            return self.chunks
        if self._asked is not None:
            value = self._latest()
        return GraphOutput(value) if self._options.get("version") == "v2" else value

    def _latest(self) -> Any:
        """Return the last of the values that were shown."""
        chunk = self.chunks[-1] if self.chunks else None
        if chunk is None or self._options.get("version") == "v2":
            return chunk and chunk["data"]
        return chunk[-1] if self._subgraphs else chunk


def outcome(ended: RunEnded) -> Any:
    """Return what a run came to, or raise what it raised."""
    if ended.status == "waiting" and ended.surfaced:
        held = ended.value if isinstance(ended.value, dict) else {}
        return {**held, INTERRUPT: list(ended.surfaced)}
    if ended.status == "stopped":
        import asyncio

        raise asyncio.CancelledError
    if ended.error is not None:
        raise ended.error
    return ended.value


def _read(config: Config) -> dict[str, Any]:
    read = dict(config)
    read["configurable"] = dict(read.get("configurable") or {})
    read["metadata"] = dict(read.get("metadata") or {})
    limit = read.get("recursion_limit")
    if limit is not None and limit < 1:
        raise ValueError("recursion_limit must be at least 1")
    return read


def thread_id(config: Config) -> str:
    """Return the thread that a configuration names.

    Raises:
        ValueError: it names none.
    """
    configurable = config.get("configurable") or {}
    if "thread_id" not in configurable:
        raise ValueError(
            "Checkpointer requires one or more of the following 'configurable' keys: thread_id, checkpoint_ns, "
            'checkpoint_id; pass config={"configurable": {"thread_id": "..."}}'
        )
    return str(configurable["thread_id"])


_KEYS = frozenset(
    ("tags", "metadata", "callbacks", "run_name", "run_id", "max_concurrency", "recursion_limit", "configurable")
)


def meant(config: Config) -> dict[str, Any]:
    """Return what a configuration means, as in LangGraph: None is nothing, other keys belong to `configurable`."""
    meant = {key: value for key, value in config.items() if value is not None}
    if not meant.keys() <= _KEYS:
        users = {key: meant.pop(key) for key in list(meant) if key not in _KEYS}
        meant["configurable"] = {**users, **meant.get("configurable", {})}
    return meant


def merged(base: Config, config: Config | None) -> dict[str, Any]:
    """Lay a call's configuration over a workflow's own: tags add up, `metadata` and `configurable` override by key."""
    own = meant(config) if config else {}
    if not base:
        return own
    both = {**base, **own}
    for key in ("configurable", "metadata"):
        both[key] = {**(base.get(key) or {}), **own.get(key, {})}
    tags = [*(base.get("tags") or ()), *own.get("tags", ())]
    return {**both, "tags": tags} if tags else both


def inherited(around: Config, config: Config) -> dict[str, Any]:
    """Lay the configuration of a nested run over that of the run around, which it may be what code was given of."""
    given = {key: value for key, value in config.items() if key not in ("run_id", "run_name", "callbacks")}
    metadata = given.get("metadata") or {}
    if "langgraph_checkpoint_ns" in metadata:
        named = given.get("configurable") or {}
        added = {key for key in NAMES if key in metadata and metadata[key] == named.get(key)}
        given["metadata"] = {k: v for k, v in metadata.items() if k not in added and not k.startswith("langgraph_")}
    both = merged(around, given)
    if tags := both.get("tags"):
        both["tags"] = list(dict.fromkeys(tags))
    return both


def _outputs(keys: str | Sequence[str] | None, channels: Sequence[str]) -> Outputs | None:
    for key in [keys] if isinstance(keys, str) else keys or ():
        if key not in channels:
            raise ValueError(f"Key {key} not in channels: the workflow has {', '.join(channels)}")
    return keys


def default_mode(config: Config | None, nested: bool) -> StreamMode:
    """A stream yields updates; one inside a workflow that is given its configuration yields values, as in LangGraph."""
    given = (config or {}).get("metadata") or {}
    return "values" if nested and "langgraph_checkpoint_ns" in given else "updates"


def default_output(config: Config | None, options: RunOptions, nested: bool) -> StreamMode:
    """What `invoke` returns comes of the values, unless its caller asks for the mode that a stream has by default."""
    return default_mode(config, nested) if "stream_mode" in options else "values"


def _several(modes: Modes | tuple[()]) -> list[StreamMode]:
    return [modes] if isinstance(modes, str) else list(modes)
