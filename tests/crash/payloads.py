"""Values that try to have code run, files opened or names looked up while they are read.

`python -m tests.crash.payloads` reads them all under an audit hook and prints the events that must not occur.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lgrun._fs import RealFs
from lgrun.checkpoint import serde
from lgrun.checkpoint.base import Encoded, PendingWrite
from lgrun.checkpoint.file import FileSaver
from lgrun.errors import StateError
from tests.crash.mutations import forged
from tests.crash.scenarios import checkpoint
from tests.crash.simulated import SimulatedFs
from tests.crash.workload import STATE

CALLABLES = [
    "os:system", "os:popen", "os:execv", "os:remove", "posix:system", "subprocess:Popen", "subprocess:run",
    "builtins:eval", "builtins:exec", "builtins:compile", "builtins:__import__", "builtins:open", "builtins:getattr",
    "builtins:print", "builtins:type", "builtins:object", "importlib:import_module", "runpy:run_path", "shutil:rmtree",
    "pickle:loads", "marshal:loads", "ctypes:CDLL", "socket:socket", "webbrowser:open", "pathlib:Path.unlink",
    "code:InteractiveInterpreter", "codecs:open", "io:open", "pty:spawn", "timeit:timeit", "logging.config:dictConfig",
    "urllib.request:urlopen", "multiprocessing:Process", "threading:Thread", "antigravity:x", "__main__:Armed",
    "tests.crash.payloads:Armed", "lgrun._fs:RealFs", "lgrun.checkpoint.file:FileSaver", "operator:attrgetter",
    "functools:partial", "types:FunctionType", "enum:Enum", "dataclasses:make_dataclass", "collections:namedtuple",
]  # fmt: skip

SHAPES: list[Any] = [
    {"lc": 2, "type": "constructor", "id": ["os", "system"], "kwargs": {"command": "true"}, "method": [None, "x"]},
    {"lc": 1, "type": "secret", "id": ["HOME"]},
    {"__type__": "os.system", "args": ["true"]},
    {"py/object": "os.system", "py/reduce": [{"py/function": "os.system"}, {"py/tuple": ["true"]}]},
    {"py/reduce": [{"py/type": "subprocess.Popen"}, {"py/tuple": ["true"]}]},
    {"$type": "System.Diagnostics.Process"},
    {"__reduce__": ["os.system", ["true"]]},
    {"__class__": "Armed", "__init__": {"x": 1}},
    {"__dict__": {"__class__": "Armed"}},
    {"$lgrun": "os.system", "v": "true"},
    {"$lgrun": "", "v": 1},
    {"$lgrun": ":", "v": 1},
    {"$lgrun": "os:", "v": 1},
    {"$lgrun": ":system", "v": 1},
    {"$lgrun": "../../evil:run", "v": 1},
    {"$lgrun": "os\0:system", "v": 1},
    {"$lgrun": "builtins:object.__subclasses__", "v": []},
    {"$lgrun": "builtins:Exception.__class__.__bases__", "v": []},
    {"$lgrun": {"$lgrun": "str", "v": "b3M="}, "v": 1},
    {"$lgrun": ["os", "system"], "v": 1},
    {"$lgrun": "tuple", "v": [], "__reduce__": 1},
    {"$lgrun": "path", "v": "/etc/passwd\0"},
    {"$lgrun": "zoneinfo", "v": "../../../etc/passwd"},
    {"$lgrun": "zoneinfo", "v": "/etc/passwd"},
    {"$lgrun": "zoneinfo", "v": "."},
    {"$lgrun": "defaultdict", "v": {"factory": "os.system", "items": []}},
    {"$lgrun": "defaultdict", "v": {"factory": "eval", "items": []}},
    {"$lgrun": "regex", "v": ["x", 128]},
    {"$lgrun": "ndarray", "v": {"dtype": "|O", "shape": [1], "data": {"$lgrun": "bytes", "v": "AAAAAAAAAAA="}}},
    {"$lgrun": "ndarray", "v": {"dtype": "os.system", "shape": [], "data": {"$lgrun": "bytes", "v": ""}}},
    {"$lgrun": "decimal", "v": "__import__('os')"},
    {"$lgrun": "int", "v": "__import__('os')"},
    {"$lgrun": "dict", "v": [["__class__", {"$lgrun": "os:system", "v": "true"}]]},
]  # fmt: skip


@dataclass
class Armed:
    """Goes off when it is made. It is not registered, but importable."""

    x: int = 0

    def __post_init__(self) -> None:
        sys.audit("exec", "a class that nobody registered was made")


def payloads() -> Iterator[Any]:
    """Yield all of them."""
    for name in CALLABLES:
        for body in (["true"], {"x": 1}, "true"):
            yield {"$lgrun": name, "v": body}
    yield from SHAPES


def _places(payload: Any) -> Iterator[RealFs]:
    """Yield state directories with the payload wherever data may be."""
    text = json.dumps(payload).encode()
    for wrapped in (text, b"[[%b]]" % text, b'{"a":{"b":%b}}' % text):
        disk = SimulatedFs({"home": {}})
        claim = FileSaver(STATE, fs=disk, store_input=True).claim("t")
        fields = {name: Encoded(json=wrapped) for name in ("input", "value", "save", "metadata")}
        claim.put(checkpoint(1, **fields))
        claim.append(1, [PendingWrite(kind, value=Encoded(json=wrapped)) for kind in ("result", "interrupt", "answer")])
        claim.release()
        yield disk
    for members in ({"workflow": payload}, {"kind": payload}, {"entrypoint": payload}, {"at": payload}):
        document = {"lgrun": "checkpoint", "format": 1, "thread": "t", "seq": 1, "id": "00000001-", "kind": "input"}
        tree = disk.tree()
        tree["home"]["state"]["threads"]["t"]["00000001.json"] = forged(
            {**document, "step": 0, "at": "", **members}, "t", 1
        )
        yield SimulatedFs(tree)


def read(disk: RealFs) -> None:
    """Read everything that is in thread t, and decode it."""
    saver = FileSaver(STATE, fs=disk, store_input=True)
    try:
        history = list(saver.history("t"))
    except StateError:
        return
    for saved in history:
        point = saved.checkpoint
        for value in (point.input, point.value, point.save, point.metadata, *(write.value for write in saved.writes)):
            if value is not None:
                try:
                    serde.decode(value)
                except StateError:
                    pass


_HARMLESS = ("object.__getattr__", "sys._getframe", "code.__new__")


def main() -> None:
    """Read all payloads once to load what reading loads anyway, then again under the hook."""
    cases = [disk for payload in payloads() for disk in _places(payload)]
    for disk in cases:
        read(disk)
    events: list[str] = []
    armed = False
    sys.addaudithook(lambda event, args: events.append(f"{event} {args!r}"[:200]) if armed else None)
    armed = True
    for disk in cases:
        read(disk)
    sys.audit("exec", "the hook works")
    armed = False
    found = [event for event in events if not event.startswith(_HARMLESS)]
    json.dump({"payloads": len(list(payloads())), "cases": len(cases), "events": found}, sys.stdout)


if __name__ == "__main__":
    main()
