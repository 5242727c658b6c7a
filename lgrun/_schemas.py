"""JSON Schemas of what workflows take and return, made with pydantic, which is imported on this call only."""

import inspect
import typing
from dataclasses import is_dataclass
from typing import TYPE_CHECKING, Any, Literal

from lgrun._engine.program import Final

if TYPE_CHECKING:
    from lgrun.workflow import Workflow


def schema_of(workflow: "Workflow", what: Literal["input", "output"]) -> dict[str, Any]:
    """Return the JSON Schema of a workflow's input or output, from its annotations.

    Raises:
        ImportError: pydantic is not installed.
        pydantic.PydanticUserError: an annotation has no schema; a TypedDict needs to be that of `typing_extensions`
            before Python 3.12.
    """
    builder: Any = getattr(workflow, "builder", None)
    if builder is not None:
        declared = builder.input_schema if what == "input" else builder.output_schema
        return _of_state(declared, f"{workflow.name}_{what}")
    try:
        hints = typing.get_type_hints(workflow.source)
    except (NameError, TypeError):
        hints = {}
    parameter = next(iter(inspect.signature(workflow.source).parameters))
    return _of_value(hints.get(parameter if what == "input" else "return", Any), f"LangGraph{what.title()}")


def _of_state(schema: Any, title: str) -> dict[str, Any]:
    from pydantic import TypeAdapter

    found: dict[str, Any] = TypeAdapter(schema).json_schema()
    if is_dataclass(schema):
        # As in LangGraph, the class is not named or described, only its fields.
        found = {**found, "title": title}
        found.pop("description", None)
    return found


def _of_value(annotation: Any, title: str) -> dict[str, Any]:
    from pydantic import BaseModel, RootModel, create_model

    if typing.get_origin(annotation) is Final:
        annotation = typing.get_args(annotation)[0]
    if annotation is type(None):
        return create_model(title).model_json_schema()
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation.model_json_schema()
    base: Any = RootModel[annotation]
    found: dict[str, Any] = create_model(title, __base__=base).model_json_schema()
    return found
