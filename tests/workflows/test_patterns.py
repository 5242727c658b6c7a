"""The small workflows, one for each way to put calls of a model together: offline and with an endpoint."""

from .conftest import Endpoint, Shell, calls

# --- without an endpoint


def test_chain(shell: Shell) -> None:
    """A sentence that is too long is shortened before it becomes a headline; a short one is not."""
    long = shell.invoke("chain", "--text", "Rain is due. It will fall in the north, and in the hills.", "-t", "long")
    short = shell.invoke("chain", "--text", "Rain is due.", "-t", "short")

    assert (long.value, short.value) == ("Rain Is Due And It Will Fall In", "Rain Is Due")
    assert [row.count("✓") for row in (long.stderr, short.stderr)] == [4, 3], "tasks, and the run itself"
    assert "shorten" in long.stderr
    assert "shorten" not in short.stderr


def test_parallel(shell: Shell) -> None:
    """Every point of view is heard, then summed up."""
    opinion = "3 words, 1 exclamation marks"

    done = shell.invoke("parallel", "text=So it goes!", 'views:=["a child", "a lawyer"]')

    assert done.value == {"a child": opinion, "a lawyer": opinion, "all": "2 were asked."}
    assert list(shell.invoke("parallel", "text=x").value) == ["a newcomer", "an expert", "somebody in a hurry", "all"]


def test_route(shell: Shell) -> None:
    """The message decides which desk answers."""
    messages = {"I was charged twice": "billing", "It crashes": "technical", "Good morning": "general"}

    assert [shell.invoke("route", "--text", text).value["desk"] for text in messages] == list(messages.values())


def test_orchestrate(shell: Shell) -> None:
    """There is a worker for each heading of the plan."""
    done = shell.invoke("orchestrate", "--text", "Tea", "-t", "tea")

    assert done.value.count("## ") == 3
    rows = shell("history", "tea", "--json").value
    assert [row["name"] for row in rows if row["kind"] == "task"] == ["plan", "write", "write", "write"]


def test_evaluate(shell: Shell) -> None:
    """What the judge dislikes is written again, but not for ever."""
    good = shell.invoke("evaluate", "product=a kettle that sings when it is done").value
    cut = shell.invoke("evaluate", "product=a kettle", "rounds:=1").value

    assert good == {"slogan": "Get a kettle that sings", "rounds": 3}
    assert cut == {"slogan": "Get a kettle, you will love it", "rounds": 1, "advice": "7 words are too many."}


def test_agent(shell: Shell) -> None:
    """Tools are called until there is an answer; the calls of one reply are tasks of their own."""
    done = shell.invoke("agent", "--text", "How far is it from Oslo to Rome, and from Rome to Cairo?")

    assert done.value == "Oslo to Rome: 2010 km; Rome to Cairo: 2130 km"
    assert done.stderr.count("✓ distance") == 2
    assert shell.invoke("agent", "--text", "Hello").value == "Name two cities."


def test_handoff(shell: Shell) -> None:
    """The agent that a question is for answers it, in the conversation so far."""
    asked = shell.invoke("handoff", "-t", "trip", "--text", "I want to go somewhere warm")
    asked_again = shell("resume", "trip", "--text", "Where can I sleep there?")

    assert (asked.code, asked_again.code) == (3, 3)
    assert "travel: How about Malta?" in asked.stderr
    assert "hotel: The Grand" in asked_again.stderr
    assert shell("resume", "trip", "--text", "bye").value[-3:] == [
        "you: Where can I sleep there?",
        "hotel: The Grand in Valletta has a bed for 90.",
        "you: bye",
    ]


# --- with one


def test_chain_endpoint(shell: Shell, endpoint: Endpoint) -> None:
    """Each prompt holds what the one before led to."""
    endpoint.replies = [("one sentence", "A b c d e f g h i."), ("without a comma", "A b c."), ("headline", " Abc \n")]

    assert shell.invoke("chain", "--text", "the text").value == "Abc"
    prompts = [request["messages"][0]["content"].rpartition("\n")[2] for request in endpoint.requests]
    assert prompts == ["the text", "A b c d e f g h i.", "A b c."]
    assert {request["model"] for request in endpoint.requests} == {"stub"}


def test_parallel_endpoint(shell: Shell, endpoint: Endpoint) -> None:
    """Opinions are matched with their views, in whatever order they come."""
    endpoint.replies = [("You are b.", "B!"), ("You are a.", "A!"), ("a: A!\nb: B!", "Both!")]

    assert shell.invoke("parallel", "text=x", 'views:=["a", "b"]').value == {"a": "A!", "b": "B!", "all": "Both!"}


def test_route_endpoint(shell: Shell, endpoint: Endpoint) -> None:
    """A model that answers in a sentence is understood; one that names no desk is general."""
    endpoint.replies = [("one word", "**Billing.**"), ("You handle money", "How much?"), ("one word", "dunno")]
    endpoint.replies += [("nobody else does", "No idea.")]

    assert shell.invoke("route", "--text", "x").value == {"desk": "billing", "answer": "How much?"}
    assert shell.invoke("route", "--text", "x").value == {"desk": "general", "answer": "No idea."}


def test_orchestrate_endpoint(shell: Shell, endpoint: Endpoint) -> None:
    """The plan is read however it is numbered. What fails is asked for again, and nothing else."""
    endpoint.replies = [("Plan", "1. One\n\n- **Two**"), ("'One'", "Is one."), ("'Two", 400)]
    first = shell.invoke("orchestrate", "--text", "X", "-t", "x")
    endpoint.replies = [("'Two", "Is two.")]

    assert first.code == 1
    assert shell("resume", "x").value == "# X\n\n## One\n\nIs one.\n\n## Two\n\nIs two."
    assert len(endpoint.requests) == 4


def test_evaluate_endpoint(shell: Shell, endpoint: Endpoint) -> None:
    """The writer is told what the judge said; trouble of the server is waited out."""
    endpoint.replies = [
        ("slogan for tea", 503),
        ("slogan for tea", "Tea."),
        ("Tea.", "Too short."),
        ("Too short.", "T!"),
    ]
    endpoint.replies += [("T!", "Okay")]

    done = shell.invoke("evaluate", "product=tea")

    assert done.value == {"slogan": "T!", "rounds": 2}
    assert len(endpoint.requests) == 5


def test_agent_endpoint(shell: Shell, endpoint: Endpoint) -> None:
    """The model learns what its calls led to, mistakes included."""
    wanted = ['{"a": "Oslo", "b": "Rome"}', '{"a": "Oslo", "b": "Atlantis"}', "oops"]
    endpoint.replies = [("How far?", calls("distance", *wanted)), ("", "About 2000 km.")]

    assert shell.invoke("agent", "--text", "How far?").value == "About 2000 km."
    told = [m["content"] for m in endpoint.requests[1]["messages"] if m["role"] == "tool"]
    assert told[0] == "Oslo to Rome: 2010 km"
    assert "known cities: Oslo" in told[1]
    assert "error: JSONDecodeError" in told[2]
    assert endpoint.requests[0]["tools"][0]["function"]["name"] == "distance"


def test_handoff_endpoint(shell: Shell, endpoint: Endpoint) -> None:
    """Each agent has its own instructions; one that hands off to nobody is told so."""
    endpoint.replies = [
        ("hello", calls("hand_off", '{"to": "nobody"}')),
        ("there is no agent nobody", calls("hand_off", '{"to": "hotel"}')),
        ("you are hotel now", "A bed?"),
    ]

    assert "hotel: A bed?" in shell.invoke("handoff", "-t", "t", "--text", "hello").stderr
    assert shell("resume", "t", "--text", "bye").value == ["you: hello", "hotel: A bed?", "you: bye"]
    first, *_, last = (request["messages"] for request in endpoint.requests)
    assert first[0]["content"].startswith("You suggest places")
    assert last[0]["content"].startswith("You suggest one hotel")
    assert [message["role"] for message in last] == ["system", "user", *["assistant", "tool"] * 2]


def test_no_model(shell: Shell) -> None:
    """An endpoint without a model is an error that says what to set."""
    shell.env["OPENAI_API_KEY"] = "x"

    done = shell.invoke("chain", "--text", "x")

    assert done.code == 1
    assert "no model: set OPENAI_MODEL" in done.stderr
