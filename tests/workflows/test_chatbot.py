"""workflows/chatbot.py: what it remembers within a thread, across threads, and of whom."""

from .conftest import Endpoint, Shell, calls


def test_ten_processes(shell: Shell) -> None:
    """Each message is a process: a thread knows what was said in it, every thread what a user has told."""

    def say(thread: str, text: str, user: str = "ann") -> str:
        return str(shell.invoke("chatbot", "-t", thread, "--text", text, "--config", f"user={user}").value)

    assert say("monday", "My name is Ann and I like tea.") == "I will remember that."
    assert say("monday", "Good morning.") == '"Good morning.", you say.'
    assert say("monday", "What did I say first?") == 'You said: "My name is Ann and I like tea."'
    assert say("friday", "What do you know about me?") == "The user has told you: I like tea; My name is Ann."
    assert say("friday", "What did I say first?") == 'You said: "What do you know about me?"'
    assert say("bob", "What do you know about me?", "bob") == "The user has told you: nothing yet."
    assert say("bob", "I live in Rome.", "bob") == "I will remember that."
    assert say("monday", "I like tea, I have two cats.") == "I will remember that."
    assert say("sunday", "What do you know about me?") == (
        "The user has told you: I have two cats; I like tea; My name is Ann."
    )
    assert say("other", "What do you know about me?", "bob") == "The user has told you: I live in Rome."


def test_endpoint(shell: Shell, endpoint: Endpoint) -> None:
    """The model is told what is known, has facts remembered by a tool, and reads of calls that it made wrong."""
    endpoint.replies = [("I am Eve", calls("remember", '{"fact": "is Eve"}', "{}")), ("error", "Hello Eve.")]
    assert shell.invoke("chatbot", "-t", "a", "--text", "I am Eve").value == "Hello Eve."
    endpoint.replies = [("Who am I?", "Eve."), ("Sure?", "Yes.")]
    assert shell.invoke("chatbot", "-t", "b", "--text", "Who am I?").value == "Eve."
    assert shell.invoke("chatbot", "-t", "b", "--text", "Sure?").value == "Yes."

    first, second, other, more = (request["messages"] for request in endpoint.requests)
    assert first[0] == {"role": "system", "content": "The user has told you: nothing yet."}
    assert [message["content"] for message in second[3:]] == ["remembered", "error: KeyError('fact')"]
    assert other == [
        {"role": "system", "content": "The user has told you: is Eve."},
        {"role": "user", "content": "Who am I?"},
    ]
    assert more[1:] == [*other[1:], {"role": "assistant", "content": "Eve."}, {"role": "user", "content": "Sure?"}]
