"""JSON Schemas of the documents that --json prints. Each document names its own: "schema": "lgrun.run/1"."""

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
_ERROR = _object(
    {
        "type": _TEXT,
        "message": _TEXT,
        "task": _or_null(_TEXT),
        "frames": _list({"anyOf": [_FRAME, _TEXT]}),
        "hint": _or_null(_TEXT),
    },
    optional={"context": _TEXTS},
)
_TASK = _object(
    {
        "step": _COUNT,
        "name": _TEXT,
        "status": {"enum": ["done", "failed", "running"]},
        "cached": _BOOL,
        "ms": _or_null({"type": "number"}),
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

SCHEMAS: dict[str, Schema] = {
    "run": _document(
        "run",
        "how a thread stands: invoke, resume, show; of a command that did nothing, why",
        {
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
        },
        optional={"state": _ANY},
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
        "invoke --dry-run",
        {
            "thread": _or_null(_TEXT),
            "action": {"enum": ["start", "rerun", "continue", "wait", "print", "restart"]},
            "workflow": _WORKFLOW,
            "input": _ANY,
            "exit": {"const": 0},
        },
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
