"""Requests to review what an agent is about to do, in the two shapes that LangChain's agents ask in.

{"action_requests": [...], "review_configs": [...]}        is answered with {"decisions": [{"type": "approve"}, ...]}
{"action_request": {...}, "config": {"allow_accept": ...}}  is answered with [{"type": "accept", "args": null}, ...],
                                                            also where several of them are asked in a list
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lgrun.cli.render.text import brief, dump, nearest
from lgrun.cli.schema import BadAnswer, check_schema

_PLAIN = ("approve", "accept", "ignore", "reject")
"""Decisions that need nothing beside them."""
_VERBS = ("accept", "edit", "response", "ignore")
_MEANING = {
    "approve": "run it as it is",
    "accept": "run it as it is",
    "edit": "run it with other arguments, which are asked for",
    "reject": "do not run it",
    "ignore": "do not run it",
    "respond": "do not run it, give an answer in its place, which is asked for",
    "response": "do not run it, give an answer in its place, which is asked for",
}


@dataclass(frozen=True, slots=True)
class Action:
    """What an agent is about to do.

    Args:
        name: of the tool.
        args: what it is called with.
        key: what the request calls them, and an edited action has to.
        allowed: the decisions that may be made, as they are sent.
        about: what the request says of it.
        schema: the JSON schema of the arguments, if it is known.
    """

    name: str
    args: Any
    key: str
    allowed: tuple[str, ...]
    about: str | None = None
    schema: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """A request to review actions; `many` if its answer is {"decisions": [...]}, else it is a list."""

    actions: tuple[Action, ...]
    many: bool

    @property
    def text(self) -> str:
        """Return what is asked."""
        if len(self.actions) == 1:
            return question_of(self.actions[0])
        return f"Run {len(self.actions)} actions: {', '.join(action.name for action in self.actions)}?"

    @property
    def context(self) -> dict[str, Any]:
        """Return what is to be reviewed."""
        found: dict[str, Any] = {}
        for n, action in enumerate(self.actions, 1):
            number = f"{n} " if len(self.actions) > 1 else ""
            found |= context_of(action, number)
        return found

    @property
    def words(self) -> list[str]:
        """Return the decisions that can be made of all actions with one word."""
        return [word for word in _PLAIN if all(word in action.allowed for action in self.actions)]

    @property
    def begun(self) -> list[str]:
        """Return the decisions that can be made of all actions, but need more than the word."""
        common = [word for word in self.actions[0].allowed if all(word in other.allowed for other in self.actions)]
        return [word for word in common if word in ("edit", "respond", "response")]

    @property
    def offered(self) -> list[tuple[str, str]]:
        """Return the words that can be typed as a decision about all actions, each with what it means."""
        return [(word, _MEANING[word]) for word in [*self.words, *self.begun]]

    def answer(self, value: Any) -> Any:
        """Return the answer that a value means: the whole of it, or one word for all actions.

        Raises:
            BadAnswer: it has not the shape that the request wants.
        """
        if isinstance(value, str):
            return self.collected([self._plain(value.strip())] * len(self.actions))
        found = value.get("decisions") if self.many and isinstance(value, dict) else value
        if (self.many and not isinstance(value, dict)) or not isinstance(found, list):
            raise BadAnswer(f"expected {self._shape()}; got {brief(value)}")
        if len(found) != len(self.actions):
            actions = f"{len(self.actions)} action{'' if len(self.actions) == 1 else 's'}"
            raise BadAnswer(f"expected a decision for each of {actions}, got {len(found)}")
        for n, (action, decision) in enumerate(zip(self.actions, found, strict=True)):
            _check(action, decision, f"decisions[{n}]" if self.many else f"[{n}]", many=self.many)
        return value

    def _plain(self, word: str) -> dict[str, Any]:
        if word in self.words:
            return self.decision(self.actions[0], word)
        if word in self.begun:
            raise BadAnswer(f"{word} says not with what; expected {dump(self.example(word))}")
        near = nearest(word, self.words)
        meant = f"; did you mean {near}?" if near else ""
        known = f"one of {', '.join(self.words)}, or " if self.words else ""
        raise BadAnswer(f"expected {known}{self._shape()}; got {brief(word)}{meant}")

    def _shape(self) -> str:
        return dump(self.collected([self.decision(action, action.allowed[0], "...") for action in self.actions]))

    def example(self, word: str) -> Any:
        """Return an answer that makes this decision about all actions."""
        return self.collected([self.decision(action, word, "...") for action in self.actions])

    def collected(self, decisions: Sequence[dict[str, Any]]) -> Any:
        """Return the answer that is made of a decision for each action."""
        return {"decisions": list(decisions)} if self.many else list(decisions)

    def decision(self, action: Action, word: str, given: Any = None) -> dict[str, Any]:
        """Return a decision.

        Args:
            action: about which.
            word: one of those allowed.
            given: the arguments of an edited action, or what is said with a rejection or response.
        """
        if word == "edit":
            args = given if isinstance(given, dict) else action.args
            edited = {"name" if self.many else "action": action.name, action.key: args}
            return {"type": word, "edited_action" if self.many else "args": edited}
        if not self.many:
            return {"type": word, "args": given if word == "response" else None}
        said = word in ("reject", "respond") and given
        return {"type": word, "message": given} if said or word == "respond" else {"type": word}

    def proposed(self) -> Any:
        """Return the answer to begin with: the arguments to be edited where they may be, else what is allowed first."""
        words = ["edit" if "edit" in action.allowed else action.allowed[0] for action in self.actions]
        return self.collected(
            [
                self.decision(action, word, "" if word in ("respond", "response") else None)
                for action, word in zip(self.actions, words, strict=True)
            ]
        )


def question_of(action: Action) -> str:
    """Return what is asked of one action."""
    return f"Run {action.name} with {brief(action.args, 150)}?"


def context_of(action: Action, number: str = "") -> dict[str, Any]:
    """Return what is to be seen of an action before a decision is made."""
    found: dict[str, Any] = {} if action.about is None else {f"{number}description": action.about}
    return found | {f"{number}{action.name}": action.args}


def _check(action: Action, decision: Any, where: str, *, many: bool) -> None:
    if not isinstance(decision, dict) or decision.get("type") not in action.allowed:
        got = decision.get("type") if isinstance(decision, dict) else decision
        raise BadAnswer(f"{where}.type: expected one of {', '.join(action.allowed)}; got {brief(got)}")
    word = decision["type"]
    if word == "edit":
        _check_edited(action, decision, where, many=many)
    elif word in ("respond", "response"):
        key = "message" if many else "args"
        if not isinstance(decision.get(key), str):
            raise BadAnswer(f"{where}.{key}: expected text, got {brief(decision.get(key))}")
    elif many and not isinstance(decision.get("message", ""), str):
        raise BadAnswer(f"{where}.message: expected text, got {brief(decision['message'])}")


def _check_edited(action: Action, decision: dict[str, Any], where: str, *, many: bool) -> None:
    place, name = ("edited_action", "name") if many else ("args", "action")
    edited = decision.get(place)
    if not isinstance(edited, dict) or not isinstance(edited.get(name), str):
        wanted = dump({name: action.name, action.key: {}})
        raise BadAnswer(f"{where}.{place}: expected an action like {wanted}; got {brief(edited)}")
    check_args(action, edited.get(action.key), f"{where}.{place}.{action.key}")


def check_args(action: Action, args: Any, where: str = "") -> dict[str, Any]:
    """Return the arguments of an edited action.

    Raises:
        BadAnswer: they are no object, or not what the tool takes.
    """
    if not isinstance(args, dict):
        raise BadAnswer(f"{where}{': ' if where else ''}expected an object, got {brief(args)}")
    if action.schema is not None:
        check_schema(args, action.schema, where)
    return args


# --- recognising them


def review_of(value: Any) -> Review | None:
    """Return the request that a question is; None if it is another question."""
    if isinstance(value, dict) and isinstance(value.get("action_requests"), list):
        return _of_langchain(value)
    asked = value if isinstance(value, list) else [value]
    found = [_of_inbox(one) for one in asked]
    actions = tuple(action for action in found if action is not None)
    return Review(actions, many=False) if actions and len(actions) == len(found) else None


def _of_langchain(value: Mapping[str, Any]) -> Review | None:
    requests, configs = value["action_requests"], value.get("review_configs")
    if not requests or not isinstance(configs, list) or not all(isinstance(one, dict) for one in [*requests, *configs]):
        return None
    # One for each name, or one for each request, in their order: then several may have the same name.
    named = {config.get("action_name"): config for config in reversed(configs)}
    actions = []
    for n, request in enumerate(requests):
        beside = configs[n] if len(configs) == len(requests) else {}
        config = beside if beside.get("action_name") == request.get("name") else named.get(request.get("name"), {})
        action = _requested(request, config)
        if action is None:
            return None
        actions.append(action)
    return Review(tuple(actions), many=True)


def _requested(request: Mapping[str, Any], config: Mapping[str, Any]) -> Action | None:
    allowed = config.get("allowed_decisions")
    key = "arguments" if "arguments" in request else "args"
    if not isinstance(request.get("name"), str) or not isinstance(allowed, list) or not allowed:
        return None
    about = request.get("description") or config.get("description")
    schema = config.get("args_schema") or config.get("arguments_schema")
    return Action(
        request["name"],
        request.get(key, {}),
        key,
        tuple(map(str, allowed)),
        about if isinstance(about, str) else None,
        schema if isinstance(schema, dict) else None,
    )


def _of_inbox(value: Any) -> Action | None:
    request = value.get("action_request") if isinstance(value, dict) else None
    config = value.get("config") if isinstance(value, dict) else None
    if not isinstance(request, dict) or not isinstance(config, dict) or not isinstance(request.get("action"), str):
        return None
    allowed = tuple(word for word in _VERBS if config.get(f"allow_{_ALLOWS.get(word, word)}") is True)
    about = value.get("description")
    if not allowed:
        return None
    return Action(
        request["action"], request.get("args", {}), "args", allowed, about if isinstance(about, str) else None
    )


_ALLOWS = {"response": "respond"}
"""What allows a decision, where that is not called like it."""
