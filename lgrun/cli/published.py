"""JSON Schemas of what --json and --ndjson print. Each document names its own: "schema": "lgrun.run/1"."""

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_BOOL: Schema = {"type": "boolean"}
_TEXTS: Schema = {"type": "array", "items": _TEXT}
_TIME: Schema = {"type": "string", "description": "RFC 3339, with offset"}
_ANY: Schema = {"description": "any JSON"}
_STATUS: Schema = {"enum": ["done", "failed", "stopped", "crashed", "waiting", "running"]}
_COUNTS: Schema = {"type": "object", "additionalProperties": _COUNT, "description": "how many threads stand so"}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _list(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def _object(properties: dict[str, Schema], *, optional: Mapping[str, Schema] = {}) -> Schema:
    return {
        "type": "object",
        "properties": {**properties, **optional},
        "required": list(properties),
        "additionalProperties": False,
    }


def _document(name: str, about: str, properties: dict[str, Schema], *, optional: Mapping[str, Schema] = {}) -> Schema:
    found = _object({"schema": {"const": f"lgrun.{name}/1"}, **properties}, optional=optional)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"lgrun.{name}/1"}
    return {**head, "description": about, **found}


_WORKFLOW = _object(
    {"ref": _or_null(_TEXT), "path": _or_null(_TEXT), "name": _or_null(_TEXT), "sha256": _or_null(_TEXT)}
)
_QUESTION = _object(
    {
        "id": {"type": "string", "pattern": "^q[0-9]+$"},
        "interrupt": _TEXT,
        "task": _TEXT,
        "text": _TEXT,
        "value": _ANY,
        "options": _or_null(_list(_ANY)),
        "schema": _or_null({"type": "object"}),
    }
)
_FRAME = _object({"file": _TEXT, "line": _COUNT, "function": _TEXT, "source": _TEXT})
_ARGS: Schema = {"type": "string", "description": "what the task was given, shortened, for people"}
_ERROR = _object(
    {
        "type": _TEXT,
        "message": _TEXT,
        "task": _or_null(_TEXT),
        "frames": _list({"anyOf": [_FRAME, _TEXT]}),
        "hint": _or_null(_TEXT),
    },
    optional={"context": _TEXTS, "args": _ARGS},
)
_TASK = _object(
    {
        "step": _COUNT,
        "name": _TEXT,
        "status": {"enum": ["done", "failed", "running"]},
        "cached": _BOOL,
        "ms": _or_null({"type": "number"}),
        "args": _or_null(_ARGS),
    }
)
_ROW_OPTIONAL: dict[str, Schema] = {
    "name": _TEXT,
    "status": {"enum": ["done", "failed", "running"]},
    "ms": {"type": "number"},
    "attempt": _COUNT,
    "cached": _BOOL,
    "by": _TEXT,
    "q": _TEXT,
    "interrupt": _TEXT,
    "step": {"type": "integer"},
    "leads": _TEXTS,
    "node": _BOOL,
    "args": _ARGS,
    "error": _object({"type": _TEXT, "message": _TEXT}),
    "value": _ANY,
}
_ROW_KINDS = ["input", "step", "task", "ask", "answer", "continue", "error", "stop", "result", "update", "fork"]
_ROW: dict[str, Schema] = {
    "n": _COUNT,
    "run": _COUNT,
    "at": _TIME,
    "kind": {"enum": _ROW_KINDS},
    "checkpoint": _COUNT,
}
_ANSWER = _or_null(_object({"schema": {"const": "lgrun.row/1"}, **_ROW}, optional=_ROW_OPTIONAL))
_SETTING: dict[str, Schema] = {
    "key": _TEXT,
    "value": {"type": ["string", "boolean", "array", "object", "null"], "description": "paths are absolute"},
    "origin": {"enum": ["flag", "variable", "project", "user", "default"]},
    "where": {**_or_null(_TEXT), "description": "the option, the variable or the file that says so"},
}
_PART_STATUS: Schema = {"enum": ["done", "failed", "running", "unfinished", "waited", "waiting"]}
_CODE = _object({"name": _TEXT, "path": _or_null(_TEXT), "sha256": _TEXT})

_RUN: dict[str, Schema] = {
    "thread": _or_null(_TEXT),
    "workflow": _WORKFLOW,
    "run": _COUNT,
    "status": _or_null(_STATUS),
    "exit": _or_null(_COUNT),
    "value": _ANY,
    "has_value": _BOOL,
    "questions": _list(_QUESTION),
    "error": _or_null(_ERROR),
    "tasks": _list(_TASK),
    "started": _or_null(_TIME),
    "ended": _or_null(_TIME),
    "next": _TEXTS,
}
_RUN_OPTIONAL: dict[str, Schema] = {
    "state": _ANY,
    "forked_from": {"type": "string", "description": "THREAD/STEP, and what was put in there"},
}

_MS: Schema = _or_null(_COUNT)
_CALL: dict[str, Schema] = {"id": {"type": "string", "description": "of the call"}, "name": _TEXT}
_CALLER: dict[str, Schema] = {"parent": {**_or_null(_TEXT), "description": "id of the task or node that calls it"}}
_EVENTS: dict[str, dict[str, Schema]] = {
    "run.start": {"name": _TEXT, "continued": _BOOL},
    "task.start": {**_CALL, **_CALLER, "args": _or_null(_ARGS)},
    "task.saved": {**_CALL, **_CALLER, "cached": _BOOL, "args": _or_null(_ARGS), "value": _ANY},
    "task.end": {**_CALL, "ms": _MS, "attempt": _or_null(_COUNT), "args": _or_null(_ARGS), "value": _ANY},
    "task.error": {
        **_CALL,
        "ms": _MS,
        "attempt": _or_null(_COUNT),
        "args": _or_null(_ARGS),
        "error": _object({"type": _TEXT, "message": _TEXT}),
        "again_in": {**_or_null({"type": "number"}), "description": "seconds until it is tried again"},
    },
    "custom": {"data": _ANY},
    "token": {**_CALL, "text": _TEXT},
    "question": {"question": _QUESTION},
    "answer": {"q": _or_null(_TEXT), "interrupt": _TEXT, "value": _ANY, "by": _or_null(_TEXT)},
    "checkpoint": {
        "id": _TEXT,
        "checkpoint": _COUNT,
        "kind": {"enum": ["input", "step", "end", "update", "fork"]},
        "step": {"type": "integer"},
        "next": _TEXTS,
    },
    "warn": {"message": _TEXT, "name": _TEXT, "recorded": _TEXT, "now": _TEXT, "where": _TEXT, "used": _BOOL},
}


def _event(kind: str, fields: dict[str, Schema], *, optional: Mapping[str, Schema] = {}) -> Schema:
    head: dict[str, Schema] = {"schema": {"const": "lgrun.event/1"}, "seq": _COUNT, "ts": _TIME}
    whose: dict[str, Schema] = {"thread": _TEXT, "run": _COUNT, "type": {"const": kind}}
    return {"title": kind, **_object({**head, **whose, **fields}, optional=optional)}


SCHEMAS: dict[str, Schema] = {
    "run": _document(
        "run",
        "how a thread stands: invoke, resume, show, watch; of a command that did nothing, why",
        _RUN,
        optional=_RUN_OPTIONAL,
    ),
    "batch": _document(
        "batch",
        "a line of what batch prints: what became of a line of its input; refused: it did not run, error says why",
        {
            "line": {"type": "integer", "minimum": 1},
            "thread": _TEXT,
            "status": {"enum": [*_STATUS["enum"], "refused"]},
            "exit": _COUNT,
            "value": _ANY,
            "error": _or_null(_ERROR),
            "questions": _list(_QUESTION),
        },
    ),
    "event": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "lgrun.event/1",
        "description": "a line of --ndjson of invoke, resume and watch; the last one is a run.end, with all of run",
        "anyOf": [
            *(_event(kind, fields) for kind, fields in _EVENTS.items()),
            _event("run.end", _RUN, optional=_RUN_OPTIONAL),
        ],
    },
    "thread": _document(
        "thread",
        "an element of what list prints",
        {
            "thread": _TEXT,
            "status": {"enum": [*_STATUS["enum"], "damaged"]},
            "workflow": _TEXT,
            "updated": _TEXT,
            "summary": _TEXT,
            "questions": _list(_QUESTION),
        },
    ),
    "row": _document(
        "row",
        "an element of what history prints; show THREAD/STEP, where a question has its answer beside it",
        _ROW,
        optional={**_ROW_OPTIONAL, "answer": _ANSWER},
    ),
    "diff": _document(
        "diff",
        "diff A [B]",
        {
            "a": _TEXT,
            "b": _TEXT,
            "same": _BOOL,
            "changes": _list(
                _object(
                    {"path": _TEXT, "kind": {"enum": ["changed", "removed", "added"]}},
                    optional={"a": _ANY, "b": _ANY},
                )
            ),
        },
    ),
    "code": _document(
        "code",
        "diff THREAD --code",
        {
            "a": _CODE,
            "b": _CODE,
            "same": _BOOL,
            "added": _COUNT,
            "removed": _COUNT,
            "diff": {"type": "string", "description": "a unified diff; empty if they are the same"},
        },
    ),
    "timeline": _document(
        "timeline",
        "show THREAD --timeline; times in milliseconds, `from` and `to` from the begin of the first bar",
        {
            "thread": _TEXT,
            "run": _COUNT,
            "status": _or_null(_STATUS),
            "ms": _COUNT,
            "bars": _list(
                _object(
                    {
                        "name": _TEXT,
                        "kind": {"enum": ["task", "question"]},
                        "row": _COUNT,
                        "status": _PART_STATUS,
                        "ms": _COUNT,
                        "attempt": _COUNT,
                        "cached": _BOOL,
                        "args": _or_null(_ARGS),
                        "parts": _list(_object({"from": _COUNT, "to": _COUNT, "status": _PART_STATUS})),
                    }
                )
            ),
        },
    ),
    "checkpoint": _document(
        "checkpoint",
        "show THREAD/CHECKPOINT",
        {
            "thread": _TEXT,
            "id": _TEXT,
            "checkpoint": _COUNT,
            "kind": {"enum": ["input", "step", "end", "update", "fork"]},
            "at": _TIME,
            "step": {"type": "integer"},
            "parent": _or_null(_COUNT),
            "next": _TEXTS,
            "input": _ANY,
            "value": _ANY,
        },
    ),
    "plan": _document(
        "plan",
        "invoke --dry-run; a line of what batch --dry-run prints, where exit and error are those of its line",
        {
            "thread": _or_null(_TEXT),
            "action": {"enum": ["start", "rerun", "continue", "wait", "print", "restart", "busy", "refuse"]},
            "workflow": _WORKFLOW,
            "input": _ANY,
            "exit": _COUNT,
        },
        optional={"line": {"type": "integer", "minimum": 1}, "error": _ERROR},
    ),
    "removal": _document(
        "removal",
        "rm, and prune with -f",
        {"removed": _TEXTS, "busy": _TEXTS, "bytes": _COUNT, "exit": {"enum": [0, 5]}},
    ),
    "prune": _document(
        "prune",
        "prune without -f",
        {
            "threads": _list(_object({"thread": _TEXT, "status": _TEXT, "updated": _or_null(_TIME), "bytes": _COUNT})),
            "bytes": _COUNT,
            "exit": {"const": 0},
        },
    ),
    "workflow": _document(
        "workflow",
        "an element of what workflows prints",
        {"name": _TEXT, "workflow": _TEXT, "about": _TEXT, "threads": _COUNTS},
    ),
    "description": _document(
        "description",
        "workflows WORKFLOW",
        {
            "name": _TEXT,
            "workflow": _TEXT,
            "about": _TEXT,
            "input": _list(_object({"key": _TEXT, "type": _TEXT, "required": _BOOL})),
            "example": _TEXT,
            "tasks": _TEXTS,
            "questions": _TEXTS,
            "threads": _COUNTS,
        },
    ),
    "new": _document(
        "new",
        "new NAME: what it has written, and what can be typed next",
        {
            "name": _TEXT,
            "template": _TEXT,
            "files": {**_TEXTS, "description": "the workflow and its test, relative to the current folder"},
            "next": _TEXTS,
            "exit": {"const": 0},
        },
    ),
    "doctor": _document(
        "doctor",
        "doctor",
        {
            "state_dir": _TEXT,
            "exit": {"enum": [0, 6, 74]},
            "findings": _list(
                _object(
                    {
                        "path": _TEXT,
                        "verdict": {"enum": ["note", "litter", "damaged", "refused", "newer", "unreadable"]},
                        "problem": _TEXT,
                        "remedy": _or_null(_TEXT),
                        "mended": _BOOL,
                    }
                )
            ),
            "settings": _list(_object(_SETTING)),
        },
    ),
    "config": _document("config", "config", {"settings": _list(_object(_SETTING))}),
    "setting": _document("setting", "config KEY, with or without a value: what holds now", _SETTING),
    "question": {"title": "a question, inside of others", **_QUESTION},
    "error": {"title": "an error, inside of others", **_ERROR},
}
