"""Names with a fixed meaning in streams, graphs and tags."""

START = "__start__"
"""The virtual first node: where the input enters."""

END = "__end__"
"""The virtual last node: where the result leaves."""

TAG_HIDDEN = "langsmith:hidden"
"""Tag of a step that tracing tools leave out."""

TAG_NOSTREAM = "nostream"
"""Tag of a chat model whose tokens are not streamed."""

INTERRUPT = "__interrupt__"
"""Key under which a run reports the questions it waits for."""

PREVIOUS = "__previous__"
"""Name of the value that the next run of a functional workflow gets."""

__all__ = ["END", "INTERRUPT", "PREVIOUS", "START", "TAG_HIDDEN", "TAG_NOSTREAM"]
