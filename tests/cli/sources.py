"""Sources of workflows that the tests run."""

HEAD = """
from lgrun.func import entrypoint, task
from lgrun.types import interrupt
"""

REVIEW = (
    HEAD
    + '''
@task
def draft(topic: str) -> str:
    with open("ran.txt", "a") as file:
        file.write("draft\\n")
    return f"draft about {topic}"

@entrypoint()
def review(input: dict) -> dict:
    """Asks two questions."""
    text = draft(input["topic"]).result()
    ok = interrupt({"question": "ok?", "options": ["yes", "no"]})
    name = interrupt("your name?")
    return {"text": text, "ok": ok, "name": name}
'''
)

ASK = (
    HEAD
    + """
@entrypoint()
def ask(input: dict):
    return interrupt("what?")
"""
)

TYPED = (
    HEAD
    + """
from typing import NotRequired, TypedDict

class Input(TypedDict):
    topic: str
    limit: NotRequired[int]

@entrypoint()
def typed(input: Input) -> Input:
    return input
"""
)

HELLO = (
    HEAD
    + """
@task
def greet(name: str) -> str:
    return f"hello {name}"

@entrypoint()
def hello(name: str) -> str:
    return greet(name).result()
"""
)

SLOW = (
    HEAD
    + """
import time

@task
def nap(seconds: float) -> str:
    open("started", "w").close()
    time.sleep(seconds)
    return "slept"

@task
def after() -> str:
    open("after", "w").close()
    return "after"

@entrypoint()
def slow(seconds: float) -> str:
    nap(seconds).result()
    return after().result()
"""
)

# Its task says when it has begun, and lasts until there is a file `go`.
HELD = "import os\nfrom lgrun.config import get_stream_writer\n" + SLOW.replace(
    'open("started", "w").close()\n    time.sleep(seconds)',
    'get_stream_writer()("napping")\n    while not os.path.exists("go"):\n        time.sleep(0.01)',
)

FAIL_ONCE = (
    HEAD
    + """
import os

@task
def first() -> int:
    with open("ran.txt", "a") as file:
        file.write("first\\n")
    return 1

@task
def second(n: int) -> int:
    if not os.path.exists("ok"):
        raise ValueError("net \\x1b[31mred")
    return n + 1

@entrypoint()
def flaky(input: dict) -> int:
    return second(first().result()).result()
"""
)
