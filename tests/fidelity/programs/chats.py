"""Chats: messages that are merged, saved, streamed and pushed, and models that are called on the way."""

import asyncio
from collections.abc import Iterator
from typing import Any

from langchain_core.language_models.fake_chat_models import FakeMessagesListChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, RemoveMessage, ToolMessage
from langchain_core.runnables import RunnableLambda

from tests.fidelity.api import THREAD, Api
from tests.fidelity.plain import Bag, attempt
from tests.fidelity.programs import program

TAGGED = {**THREAD, "tags": ["red"], "metadata": {"user": "ann"}}


def model(*texts: str) -> Any:
    return GenericFakeChatModel(messages=iter([AIMessage(text) for text in texts]))


def told(chunk: Any) -> Any:
    """Return what programs compare of a chunk of mode `messages`."""
    message, metadata = chunk
    about = {key: value for key, value in metadata.items() if key not in ("lc_versions", "langgraph_triggers")}
    return [type(message).__name__, message.content, message.id, about]


def short(chunk: Any) -> Any:
    message, metadata = chunk
    return [message.content, metadata["langgraph_node"]]


def said(flow: Any, given: Any, config: Any = THREAD, **options: Any) -> Any:
    return [short(chunk) for chunk in flow.stream(given, config, stream_mode="messages", **options)]


def plain(messages: Any) -> Any:
    return [[type(each).__name__, each.content] for each in messages]


def flow_of(api: Api, body: Any) -> Any:
    return api.entrypoint(checkpointer=api.new_saver())(body)


def asking(api: Api, call: Any) -> Any:
    """Return a workflow with one task that does something with a model."""

    @api.task
    def ask(x: Any) -> Any:
        return call(x)

    def main(x: Any) -> Any:
        return ask(x).result()

    return flow_of(api, main)


@program
def tokens_of_invoke(api: Api) -> Iterator[Any]:
    flow = asking(api, lambda x: model("hello big world").invoke(x).content)
    yield [told(chunk) for chunk in flow.stream("hi", TAGGED, stream_mode="messages")]


@program
def tokens_of_stream(api: Api) -> Iterator[Any]:
    flow = asking(api, lambda x: [piece.content for piece in model("hello world").stream(x)])
    yield [told(chunk) for chunk in flow.stream("hi", THREAD, stream_mode="messages")]


@program
def tokens_of_the_body(api: Api) -> Iterator[Any]:
    flow = flow_of(api, lambda x: None)

    def main(x: Any) -> Any:
        return model("a b").invoke(x).content

    flow = flow_of(api, main)
    yield [told(chunk) for chunk in flow.stream("hi", THREAD, stream_mode="messages")]


@program
def tokens_beside_other_modes(api: Api) -> Iterator[Any]:
    flow = asking(api, lambda x: model("a b").invoke(x).content)
    for modes in (["messages", "updates"], ["values", "messages"], ["messages"], ["tasks", "messages", "custom"]):
        yield [
            (mode, told(data) if mode == "messages" else data)
            for mode, data in flow.stream("hi", THREAD, stream_mode=modes)
        ]


@program
def tokens_in_version_two(api: Api) -> Iterator[Any]:
    flow = asking(api, lambda x: model("a b").invoke(x).content)
    parts = flow.stream("hi", THREAD, stream_mode=["messages", "updates"], version="v2")
    yield [{**part, "data": told(part["data"]) if part["type"] == "messages" else part["data"]} for part in parts]


@program
def tokens_by_invoke_of_the_workflow(api: Api) -> Iterator[Any]:
    flow = asking(api, lambda x: model("a b").invoke(x).content)
    yield [told(chunk) for chunk in flow.invoke("hi", THREAD, stream_mode="messages")]


@program
def tokens_in_asyncio(api: Api) -> Iterator[Any]:
    @api.task
    async def ask(x: Any) -> Any:
        return (await model("a b").ainvoke(x)).content

    @api.task
    async def streamed(x: Any) -> Any:
        return [piece.content async for piece in model("c d").astream(x)]

    @api.task
    def threaded(x: Any) -> Any:
        return model("e f").invoke(x).content

    async def main(x: Any) -> Any:
        return [await ask(x), await streamed(x), await threaded(x), (await model("g h").ainvoke(x)).content]

    flow = flow_of(api, main)

    async def chunks() -> Any:
        return [told(chunk) async for chunk in flow.astream("hi", TAGGED, stream_mode="messages")]

    yield api.run(chunks())


@program
def tokens_side_by_side(api: Api) -> Iterator[Any]:
    @api.task
    async def ask(text: str) -> Any:
        return (await model(text).ainvoke("hi")).content

    async def main(x: Any) -> Any:
        return await asyncio.gather(*[ask(f"{n} of {x}") for n in range(4)])

    flow = flow_of(api, main)

    async def chunks() -> Any:
        return [short(chunk) async for chunk in flow.astream("3", THREAD, stream_mode="messages")]

    yield Bag(api.run(chunks()))


@program
def tokens_of_chains(api: Api) -> Iterator[Any]:
    def call(x: Any) -> Any:
        chain = RunnableLambda(lambda x: x) | model("a b") | (lambda message: message.content)
        return chain.invoke(x)

    yield [told(chunk) for chunk in asking(api, call).stream("hi", TAGGED, stream_mode="messages")]


@program
def tokens_of_a_batch(api: Api) -> Iterator[Any]:
    flow = asking(api, lambda x: len(model("a b", "c d").batch([x, x], {"max_concurrency": 1})))
    yield said(flow, "hi")


@program
def models_that_do_not_stream(api: Api) -> Iterator[Any]:
    whole = FakeMessagesListChatModel(responses=[AIMessage("all at once", id="m1")])
    for call in (lambda x: whole.invoke(x).content, whole.invoke):
        yield [told(chunk) for chunk in asking(api, call).stream("hi", THREAD, stream_mode="messages")]


@program
def tags_and_metadata_of_models(api: Api) -> Iterator[Any]:
    bound = model("a", "b", "c").with_config(tags=["inner"], metadata={"mine": 1})
    flow = asking(api, lambda x: bound.invoke(x, {"tags": ["call"], "run_name": "named"}).content)
    yield [told(chunk) for chunk in flow.stream("hi", TAGGED, stream_mode="messages")]
    yield [told(chunk) for chunk in flow.stream("hi", THREAD, stream_mode="messages")]


@program
def hidden_models(api: Api) -> Iterator[Any]:
    def call(x: Any) -> Any:
        return model("quiet").with_config(tags=["nostream"]).invoke(x).content + model("loud").invoke(x).content

    yield said(asking(api, call), "hi")
    yield said(asking(api, call), "hi", {**THREAD, "tags": ["nostream"]})


@program
def hidden_models_whose_message_is_returned(api: Api) -> Iterator[Any]:
    flow = asking(api, lambda x: model("quiet").with_config(tags=["nostream"]).invoke(x))
    for tags in ([], ["nostream"], ["langsmith:hidden"]):
        yield said(flow, "hi", {**THREAD, "tags": tags})


@program
def models_called_with_the_config(api: Api) -> Iterator[Any]:
    @api.task
    def ask(x: Any, config) -> Any:  # type: ignore[no-untyped-def]
        return model("a b").invoke(x, config).content

    def main(x: Any) -> Any:
        return ask(x).result() + model("c").invoke(x, api.get_config()).content

    yield [told(chunk) for chunk in flow_of(api, main).stream("hi", TAGGED, stream_mode="messages")]


@program
def models_without_callbacks(api: Api) -> Iterator[Any]:
    yield said(asking(api, lambda x: model("a b").invoke(x, {"callbacks": []}).content), "hi")


@program
def returned_messages(api: Api) -> Iterator[Any]:
    values: list[Any] = [AIMessage("bare", id="1"), [AIMessage("a", id="2"), HumanMessage("b", id="3")]]
    values += [{"messages": [AIMessage("c", id="4")], "other": HumanMessage("d", id="5")}, (AIMessage("e", id="6"),)]
    values += [
        {"role": "user", "content": "dict"},
        [[AIMessage("deep", id="7")]],
        {"a": {"b": AIMessage("deep", id="8")}},
    ]
    values += [ToolMessage("tool", tool_call_id="x", id="9"), AIMessageChunk("chunk", id="10"), AIMessage("no id")]
    values += [[AIMessage("one", id="11"), AIMessage("same id", id="11")], "text", None, 3, []]
    for value in values:
        flow = asking(api, lambda x: value)
        yield [told(chunk) for chunk in flow.stream("hi", TAGGED, stream_mode="messages")]


@program
def returned_messages_of_the_body(api: Api) -> Iterator[Any]:
    def main(x: Any) -> Any:
        return api.entrypoint.final(value=AIMessage("value", id="v"), save=[AIMessage("saved", id="s")])

    yield [told(chunk) for chunk in flow_of(api, main).stream("hi", THREAD, stream_mode="messages")]


@program
def messages_that_were_given(api: Api) -> Iterator[Any]:
    """What comes in is not new when it goes out, but for a bare message or list of the workflow's input."""
    given: list[Any] = [HumanMessage("in", id="i"), [HumanMessage("in", id="i")], {"m": HumanMessage("in", id="i")}]
    given += [{"m": [HumanMessage("in", id="i")]}]
    for each in given:
        yield said(asking(api, lambda x: x), each)
        yield said(flow_of(api, lambda_of_one()), each)


def lambda_of_one() -> Any:
    def same(x: Any) -> Any:
        return x

    return same


@program
def messages_once(api: Api) -> Iterator[Any]:
    @api.task
    def first() -> Any:
        return AIMessage("first", id="same")

    @api.task
    def second() -> Any:
        return [AIMessage("second", id="same"), AIMessage("other", id="other")]

    def main(x: Any) -> Any:
        return [first().result(), *second().result()]

    flow = flow_of(api, main)
    yield [said(flow, "hi") for _ in range(2)]


@program
def streamed_and_returned(api: Api) -> Iterator[Any]:
    yield said(asking(api, lambda x: model("a b").invoke(x)), "hi")


@program
def tokens_before_a_failure(api: Api) -> Iterator[Any]:
    def call(x: Any) -> Any:
        model("a b").invoke(x)
        raise ValueError("no")

    flow, seen = asking(api, call), []

    def collect() -> None:
        for chunk in flow.stream("hi", THREAD, stream_mode="messages"):
            seen.append(short(chunk))

    yield attempt(collect), seen


@program
def tokens_of_each_attempt(api: Api) -> Iterator[Any]:
    tried: list[int] = []

    @api.task(retry_policy=api.now(max_attempts=2))
    def flaky() -> Any:
        tried.append(1)
        text = model(f"attempt {len(tried)}").invoke("hi").content
        if len(tried) < 2:
            raise OSError("no")
        return text

    def main(x: Any) -> Any:
        return flaky().result()

    yield said(flow_of(api, main), "hi")


@program
def no_tokens_of_a_replay(api: Api) -> Iterator[Any]:
    @api.task
    def first() -> Any:
        return model("one two").invoke("hi")

    def main(x: Any) -> Any:
        text = first().result().content
        return AIMessage(f"{text} {api.interrupt('?')}", id="end")

    flow = flow_of(api, main)
    yield said(flow, "hi")
    yield said(flow, api.Command(resume="three"))


@program
def tokens_of_nested_workflows(api: Api) -> Iterator[Any]:
    @api.entrypoint()
    def child(x: Any) -> Any:
        return model("a b").invoke(x).content

    @api.task
    def calls(x: Any) -> Any:
        return child.invoke(x)

    def main(x: Any) -> Any:
        return [child.invoke(x), calls(x).result(), model("own").invoke(x).content]

    flow = flow_of(api, main)
    yield said(flow, "hi")
    yield [(ns, short(chunk)) for ns, chunk in flow.stream("hi", THREAD, stream_mode="messages", subgraphs=True)]


@program
def metadata_inside_nested_workflows(api: Api) -> Iterator[Any]:
    @api.entrypoint()
    def child(x: Any) -> Any:
        return AIMessage(model("a").invoke(x).content, id="c")

    def main(x: Any) -> Any:
        return child.invoke(x)

    found = flow_of(api, main).stream("hi", TAGGED, stream_mode="messages", subgraphs=True)
    yield [(ns, told(chunk)) for ns, chunk in found]


@program
def a_nested_workflow_that_is_streamed(api: Api) -> Iterator[Any]:
    @api.entrypoint()
    def child(x: Any) -> Any:
        return model("a b").invoke(x).content

    def main(x: Any) -> Any:
        return [short(chunk) for chunk in child.stream(x, stream_mode="messages")]

    flow = flow_of(api, main)
    yield flow.invoke("hi", THREAD), said(flow, "hi")


@program
def tokens_in_graphs(api: Api) -> Iterator[Any]:
    def ask(state: Any) -> Any:
        return {"messages": [model("a b").invoke(state["messages"])]}

    def rest(state: Any) -> Any:
        return api.Command(update={"messages": [AIMessage("end", id="e"), ("ai", "text")]}, goto=api.END)

    builder = api.StateGraph(api.MessagesState)
    builder.add_node("ask", ask)
    builder.add_node("rest", rest)
    builder.add_edge(api.START, "ask")
    builder.add_edge("ask", "rest")
    graph = builder.compile(checkpointer=api.new_saver())
    for _ in range(2):
        found = graph.stream({"messages": [HumanMessage("hi", id="h")]}, TAGGED, stream_mode="messages")
        yield [told(chunk) for chunk in found]


@program
def tokens_in_graphs_inside(api: Api) -> Iterator[Any]:
    def ask(state: Any) -> Any:
        return {"messages": [AIMessage(model("a b").invoke("hi").content, id="made")]}

    inner = api.StateGraph(api.MessagesState)
    inner.add_node("ask", ask)
    inner.add_edge(api.START, "ask")
    outer = api.StateGraph(api.MessagesState)
    outer.add_node("inner", inner.compile())
    outer.add_edge(api.START, "inner")
    graph = outer.compile()
    given = {"messages": [HumanMessage("hi", id="h")]}
    yield said(graph, given)
    yield [(ns, short(chunk)) for ns, chunk in graph.stream(given, stream_mode="messages", subgraphs=True)]


@program
def pushed_messages(api: Api) -> Iterator[Any]:
    def node(state: Any) -> Any:
        pushed = api.push_message(AIMessage("pushed", id="p"))
        api.push_message({"role": "user", "content": "not kept", "id": "q"}, state_key=None)
        api.push_message(AIMessage("lost", id="l"), state_key="nowhere")
        return {"messages": [AIMessage(f"after {pushed.content}", id="a"), AIMessage("edited", id="p")]}

    builder = api.StateGraph(api.MessagesState)
    builder.add_node("node", node)
    builder.add_edge(api.START, "node")
    graph = builder.compile()
    yield [
        (mode, told(data) if mode == "messages" else data)
        for mode, data in graph.stream({"messages": []}, TAGGED, stream_mode=["messages", "updates", "values"])
    ]
    yield plain(graph.invoke({"messages": []})["messages"])


@program
def pushed_messages_of_workflows(api: Api) -> Iterator[Any]:
    @api.task
    def push(x: str) -> Any:
        api.push_message(AIMessage("from a task", id="t"), state_key=None)
        return x

    def main(x: str) -> Any:
        api.push_message(AIMessage("from the body", id="b"), state_key=None)
        return push(x).result()

    yield [told(chunk) for chunk in flow_of(api, main).stream("hi", THREAD, stream_mode="messages")]


@program
def pushed_messages_need_ids(api: Api) -> Iterator[Any]:
    def main(x: Any) -> Any:
        bad: list[Any] = [AIMessage("x"), "text", 5, ("user", "text")]
        return [repr(type(attempt(api.push_message, each).error)) for each in bad]

    yield flow_of(api, main).invoke("hi", THREAD)
    yield attempt(api.push_message, AIMessage("x", id="1"), text=False)


@program
def merged_history(api: Api) -> Iterator[Any]:
    def main(given: Any, *, previous: Any = None) -> Any:
        messages = api.add_messages(previous or [], given)
        answer = model(f"answer {len(messages)}").invoke(messages)
        return api.entrypoint.final(value=answer.content, save=api.add_messages(messages, answer))

    flow = flow_of(api, main)
    for given in ("first", [{"role": "user", "content": "second"}], [HumanMessage("third", id="3")]):
        yield flow.invoke(given, THREAD)
    yield [chunk.content for chunk, _ in flow.stream("fourth", THREAD, stream_mode="messages")]


@program
def edited_history(api: Api) -> Iterator[Any]:
    def main(given: Any, *, previous: Any = None) -> Any:
        kept = api.add_messages(previous or [], given)
        return api.entrypoint.final(value=plain(kept), save=kept)

    flow = flow_of(api, main)
    turns: list[Any] = [[HumanMessage("a", id="1"), AIMessage("b", id="2")], HumanMessage("changed", id="1")]
    turns += [RemoveMessage(id="2"), [HumanMessage("c", id="3")], RemoveMessage(id="__remove_all__")]
    for turn in turns:
        yield flow.invoke(turn, THREAD)


@program
def history_over_a_question(api: Api) -> Iterator[Any]:
    @api.task
    def ask(messages: Any) -> Any:
        return model("thinking").invoke(messages)

    def main(given: Any) -> Any:
        messages = api.add_messages([], given)
        first = ask(messages).result()
        messages = api.add_messages(messages, [first, ("user", api.interrupt("more?"))])
        return plain(messages)

    flow = flow_of(api, main)
    yield flow.invoke("hi", THREAD)
    yield flow.invoke(api.Command(resume="yes"), THREAD)


@program
def configurable_reaches_runnables(api: Api) -> Iterator[Any]:
    def look(x: Any, config: Any) -> Any:
        return [config["configurable"].get("mine"), config.get("tags"), config["metadata"].get("user")]

    flow = asking(api, lambda x: RunnableLambda(look).invoke(x))
    yield flow.invoke("hi", {**TAGGED, "configurable": {"thread_id": "t", "mine": 3}})


@program
def callbacks_of_the_caller_hear_models(api: Api) -> Iterator[Any]:
    from langchain_core.callbacks import BaseCallbackHandler

    class Heard(BaseCallbackHandler):
        def __init__(self) -> None:
            self.words: list[Any] = []

        def on_chat_model_start(self, *_: Any, metadata: Any = None, **__: Any) -> None:
            self.words.append([metadata.get("user"), metadata.get("langgraph_node")])

        def on_llm_end(self, response: Any, **_: Any) -> None:
            self.words.append(response.generations[0][0].text)

    flow = asking(api, lambda x: model("a b").invoke(x).content)
    for mode in ("updates", "messages"):
        heard = Heard()
        chunks = list(flow.stream("hi", {**TAGGED, "callbacks": [heard]}, stream_mode=mode))
        yield heard.words, len(chunks)


def any_short(chunk: Any) -> Any:
    """Return what is compared of a chunk of any mode and version."""
    if isinstance(chunk, dict):
        is_message = chunk.get("type") == "messages"
        return {**chunk, "data": short(chunk["data"])} if is_message else chunk
    if isinstance(chunk, tuple):
        return short(chunk) if hasattr(chunk[0], "content") else tuple(any_short(each) for each in chunk)
    return chunk


@program
def tokens_that_are_streamed_inside_and_outside(api: Api) -> Iterator[Any]:
    @api.entrypoint()
    def child(x: Any) -> Any:
        return model("a b").invoke(x).content

    asked: list[Any] = [{"stream_mode": "messages"}, {"stream_mode": ["messages", "updates"]}]
    asked += [{"stream_mode": ["custom", "messages"], "subgraphs": True}, {"stream_mode": "messages", "version": "v2"}]
    for options in asked:

        def main(x: Any) -> Any:
            model("own").invoke(x)
            return repr([any_short(chunk) for chunk in child.stream(x, **options)])

        for each in asked:
            yield [any_short(chunk) for chunk in flow_of(api, main).stream("hi", THREAD, **each)]


@program
def tokens_that_a_node_passes_on(api: Api) -> Iterator[Any]:
    def ask(state: Any) -> Any:
        return {"messages": [model("a b c").invoke("hi")]}

    def node(state: Any) -> Any:
        for chunk in inner.stream({"messages": []}, stream_mode=["messages", "updates"]):
            api.get_stream_writer()(repr(any_short(chunk))[:40])
        return {}

    inner = api.StateGraph(api.MessagesState).add_node("ask", ask).add_edge(api.START, "ask").compile()
    flow = api.StateGraph(api.MessagesState).add_node("node", node).add_edge(api.START, "node").compile()
    yield list(flow.stream({"messages": []}, stream_mode=["custom", "updates"]))


@program
def messages_of_three_levels(api: Api) -> Iterator[Any]:
    """Their metadata name the outermost place that called a workflow, and count tasks alone."""
    from langchain_core.messages import AIMessage

    @api.task
    def say(x: str) -> Any:
        return AIMessage(content=x, id=x)

    @api.entrypoint()
    def grandchild(x: Any) -> Any:
        say("grandchild").result()
        return model("a b").invoke("hi").content

    @api.entrypoint()
    def child(x: Any) -> Any:
        grandchild.invoke(x)
        return [say("child").result().content, grandchild.invoke(x)]

    @api.task
    def call(x: Any) -> Any:
        return child.invoke(x)

    def main(x: Any) -> Any:
        child.invoke(x)
        return [say("main").result().content, child.invoke(x), call(x).result()]

    yield list(flow_of(api, main).stream("hi", THREAD, stream_mode="messages", subgraphs=True))
