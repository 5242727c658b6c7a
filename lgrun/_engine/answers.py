"""What a valid answer looks like: the `response_schema` of a question. pydantic is imported only where one is given."""

from typing import Any


def json_schema(schema: Any) -> dict[str, Any] | None:
    """Return the JSON schema of a pydantic model, a dataclass, a TypedDict or any other type; a dict is one itself.

    Raises:
        ModuleNotFoundError: a type was given and pydantic is not installed.
    """
    if schema is None or isinstance(schema, dict):
        return schema
    return dict(_adapter(schema).json_schema())


def validated(answer: Any, schema: Any) -> Any:
    """Return an answer as a value of the type `schema`; without a type, as it is.

    Raises:
        pydantic.ValidationError: it is none (a ValueError).
    """
    if schema is None or isinstance(schema, dict):
        return answer
    return _adapter(schema).validate_python(answer)


def _adapter(schema: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(schema)
