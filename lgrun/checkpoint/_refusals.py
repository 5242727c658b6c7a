"""Why a value cannot be saved, for people."""

import sys
import types
from typing import Any

__all__ = ["reason_against"]

_KINDS: tuple[tuple[tuple[str, str], str], ...] = (
    (("types", "FunctionType"), "is a function"),
    (("types", "BuiltinFunctionType"), "is a function"),
    (("types", "MethodType"), "is a method"),
    (("types", "GeneratorType"), "is a generator"),
    (("types", "AsyncGeneratorType"), "is a generator"),
    (("types", "CoroutineType"), "is a coroutine (was it awaited?)"),
    (("asyncio", "Future"), "is a call that was not waited for (await it)"),
    (("concurrent.futures", "Future"), "is a call that was not waited for (.result() is what it returns)"),
    (("types", "ModuleType"), "is a module"),
    (("builtins", "memoryview"), "is a memoryview"),
    (("io", "IOBase"), "is an open file"),
    (("_thread", "LockType"), "is a lock"),
    (("_thread", "RLock"), "is a lock"),
    (("pydantic.types", "SecretStr"), "is a SecretStr, and secrets are never saved"),
    (("pydantic.types", "SecretBytes"), "is a SecretBytes, and secrets are never saved"),
    (("pydantic.types", "Secret"), "is a Secret, and secrets are never saved"),
)

_BASES = (bool, int, float, complex, str, bytes, bytearray, tuple, list, dict, set, frozenset)
_MORE_BASES = (("datetime", "datetime"), ("datetime", "date"), ("datetime", "time"), ("decimal", "Decimal"))


def _loaded(module: str, name: str) -> Any:
    """Return a type if its module is loaded: without it, there is no value of the type."""
    return getattr(sys.modules.get(module), name, None)


def _name(kind: type) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def reason_against(value: Any) -> str:
    """Return what follows the path in `$.client is a httpx.Client`."""
    kind = type(value)
    if value is Ellipsis or value is NotImplemented:
        return f"is {value!r}"
    if issubclass(kind, type):
        return f"is a class ({_name(value)})"
    for (module, name), reason in _KINDS:
        known = _loaded(module, name)
        if isinstance(known, type) and issubclass(kind, known):
            return _named(value, reason)
    for base in (*_BASES, *(_loaded(*where) for where in _MORE_BASES)):
        if base is not None and issubclass(kind, base):
            return f"is a subclass of {base.__name__} ({_name(kind)})"
    return f"is a {_name(kind)}"


def _named(value: Any, reason: str) -> str:
    if isinstance(value, (types.FunctionType, types.BuiltinFunctionType, types.MethodType)):
        return f"{reason} ({value.__qualname__})"
    if isinstance(value, types.ModuleType):
        return f"{reason} ({value.__name__})"
    return reason
