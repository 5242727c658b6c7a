"""A run as one HTML file: no script, nothing from elsewhere, and whatever comes from the workflow is text."""

import html
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from lgrun.cli.question import Question
from lgrun.cli.render.bars import WORDS, symbol, took
from lgrun.cli.render.svg import MOST, STYLE, escaped, summary, svg
from lgrun.cli.render.text import brief, called, dump, duration, parse_time, printable, seconds_between, shorten
from lgrun.cli.render.thread import SYMBOLS, ThreadView
from lgrun.cli.render.values import readable
from lgrun.cli.spans import Bar, Timeline
from lgrun.cli.steps import answer_of

_VALUES = 300_000
"""Bytes for the results of all tasks together, so that a page with many of them stays small."""
_MOST = 100_000
"""Bytes for any other value."""

_STYLE = """
:root { color-scheme: light dark; --_text: #1b1f24; --_paper: #fff; --_soft: #f3f5f7; --_line: #d5d9df; --_dim: #56606b;
  --_good: #1e6b3f; --_bad: #a31f18; --_wait: #7a5800; --_focus: #0b57d0; }
@media (prefers-color-scheme: dark) { :root { --_text: #e6e8eb; --_paper: #16191d; --_soft: #20252b; --_line: #3a4048;
  --_dim: #a3acb8; --_good: #6bd89a; --_bad: #ff9a91; --_wait: #e6c968; --_focus: #8ab4f8; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 60rem; font: 1rem/1.5 system-ui, sans-serif; color: var(--_text);
  background: var(--_paper); }
h1 { margin: 0; font-size: 1.6rem; overflow-wrap: anywhere; } h2 { margin: 2rem 0 .5rem; font-size: 1.15rem; }
h3 { margin: 1rem 0 .25rem; font-size: 1rem; overflow-wrap: anywhere; }
p { margin: .25rem 0; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; margin: 1rem 0; }
dt, footer { color: var(--_dim); } dd { margin: 0; overflow-wrap: anywhere; }
pre { margin: .5rem 0; padding: .75rem; overflow-x: auto; background: var(--_soft); border: 1px solid var(--_line);
  border-radius: 4px; white-space: pre-wrap; overflow-wrap: anywhere; }
pre, code { font-family: ui-monospace, monospace; font-size: .9rem; }
.scroll { overflow-x: auto; } figure { margin: .5rem 0; } figcaption { color: var(--_dim); }
table { width: 100%; border-collapse: collapse; } caption { text-align: left; color: var(--_dim); }
th, td { padding: .35rem .5rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--_line); }
td.number { text-align: right; white-space: nowrap; } td.state { white-space: nowrap; }
tbody th { font-weight: 600; overflow-wrap: anywhere; min-width: 6rem; }
td.value { min-width: 12rem; overflow-wrap: anywhere; }
.status-done { color: var(--_good); } .status-failed, .status-crashed { color: var(--_bad); }
.status-waiting, .status-stopped, .status-waited { color: var(--_wait); }
@media (max-width: 40rem) { th, td { padding: .35rem .25rem; } td.number { white-space: normal; }
  tbody th { min-width: 4rem; } td.value { min-width: 7rem; } }
summary { cursor: pointer; } :focus-visible { outline: 2px solid var(--_focus); outline-offset: 2px; }
footer { margin-top: 2rem; font-size: .9rem; }
"""


def html_page(view: ThreadView, timeline: Timeline, now: datetime, whole: Callable[[str], str]) -> str:
    """Return the page.

    Args:
        view: the thread.
        timeline: when its last run did what.
        now: the time, for people.
        whole: returns the command that prints all of the value of a step; "" is the thread's result.
    """
    status = view.status or "?"
    title = escaped(f"{view.thread}: {status}")
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    return "".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n',
            f'<title>{title}</title>\n<link rel="icon" href="data:,">\n',
            f"<style>{_STYLE}{STYLE}</style>\n</head>\n<body>\n",
            f'<header>\n<h1>{escaped(view.thread)}</h1>\n<p class="status-{escaped(status)}">',
            f"{SYMBOLS.get(status, '?')} {escaped(status)}</p>\n</header>\n<main>\n",
            *_about(view),
            *_asked(view),
            *_next(view),
            *_outcome(view, whole),
            *_picture(view, timeline),
            *_tasks(timeline, whole),
            *_answered(view),
            f"</main>\n<footer><p>Written by lgrun at {escaped(now.isoformat(' ', 'seconds'))}.</p></footer>\n",
            "</body>\n</html>\n",
        ]
    )


def _section(name: str, title: str, content: str) -> Iterator[str]:
    if content:
        yield f'<section aria-labelledby="{name}">\n<h2 id="{name}">{title}</h2>\n{content}</section>\n'


def _about(view: ThreadView) -> Iterator[str]:
    origin, rows = view.origin or {}, view.last_run()
    facts = [("Workflow", str(origin.get("ref") or view.entrypoint or "?")), ("Run", str(view.run))]
    if rows:
        facts.append(("Started", _moment(rows[0].at)))
        if view.status != "running":
            facts.append(("Last change", _moment(rows[-1].at)))
        between = seconds_between(rows[0].at, rows[-1].at)
        facts += [("Took", duration(between))] if between is not None else []
    terms = "".join(f"<dt>{term}</dt><dd>{escaped(fact)}</dd>\n" for term, fact in facts)
    yield f"<dl>\n{terms}</dl>\n"
    given = view.input()
    if given is not None:
        yield from _section("input", "Input", _block(_text(readable(given))))


def _asked(view: ThreadView) -> Iterator[str]:
    """Draw the open questions, with all that came with them."""
    found = []
    for question, more in zip(view.questions, view.whole, strict=True):
        found.append(f"<h3>{escaped(question.line())}</h3>\n")
        found += [
            _details("What came with it", dump(question.context, ascii_only=False, indent=2), _MOST, more)
        ] * bool(question.context)
    yield from _section("questions", "Waits for an answer", "".join(found))


def _next(view: ThreadView) -> Iterator[str]:
    yield from _section("next", "What to type next", _block("\n".join(view.next)) if view.next else "")


def _outcome(view: ThreadView, whole: Callable[[str], str]) -> Iterator[str]:
    if view.error is not None:
        error = view.error
        where = f" in {escaped(called(str(error['task']), error.get('args')))}" if error.get("task") else ""
        text = f'<p class="status-failed">✗ {escaped(str(error["type"]))}{where}</p>\n{_block(str(error["message"]))}'
        frames = "\n".join(str(line) for line in reversed(error.get("frames") or ()))
        yield from _section("error", "Error", text + (_details("Where", frames, _MOST, "") if frames else ""))
    if view.value is not None:
        yield from _section("result", "Result", _block(_text(readable(view.value)), whole("")))
    elif view.state is not None:
        yield from _section("state", "State", _block(_text(readable(view.state)), whole("")))


def _picture(view: ThreadView, timeline: Timeline) -> Iterator[str]:
    if timeline.bars:
        words = escaped(summary(timeline))
        picture = svg(timeline, f"{view.thread}, run {view.run}", alone=False)
        drawn = f'<div class="scroll" role="img" aria-label="{words}" tabindex="0">{picture}</div>'
        yield from _section("timeline", "Timeline", f"<figure>\n{drawn}\n<figcaption>{words}</figcaption>\n</figure>\n")


def _tasks(timeline: Timeline, whole: Callable[[str], str]) -> Iterator[str]:
    bars = [bar for bar in timeline.bars if bar.kind == "task"]
    if not bars:
        return
    shown = bars[:MOST]
    more = f", {len(bars) - MOST} more are not shown" if len(bars) > MOST else ""
    limit = min(20_000, _VALUES // len(shown))
    rows = "".join(_task(bar, limit, whole) for bar in shown)
    columns = "".join(f'<th scope="col">{name}</th>' for name in ("Row", "Task", "Status", "Took", "Result"))
    caption = f"<caption>Tasks of the last run, in the order in which they began{more}</caption>"
    table = f"<table>\n{caption}\n<thead><tr>{columns}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>"
    region = f'<div class="scroll" role="region" aria-labelledby="tasks" tabindex="0">\n{table}\n</div>\n'
    yield from _section("tasks", "Tasks", region)


def _task(bar: Bar, limit: int, whole: Callable[[str], str]) -> str:
    row = bar.row
    if row.error is not None:
        value = _value(f"{row.error[0]}: {row.error[1]}", limit, "")
    else:
        value = _value(readable(row.value), limit, whole(str(row.n))) if row.status == "done" else ""
    state = f"{symbol(bar)} {WORDS.get(bar.status, bar.status)}"
    return (
        f'<tr><td class="number">{row.n}</td><th scope="row">{escaped(shorten(bar.label, 80))}</th>'
        f'<td class="state status-{bar.status}">{state}</td>'
        f'<td class="number">{took(bar)}</td><td class="value">{value}</td></tr>\n'
    )


def _answered(view: ThreadView) -> Iterator[str]:
    found = []
    rows = view.last_run()
    for row in rows:
        answer = answer_of(row, rows) if row.kind == "ask" else None
        if answer is not None:
            question = Question(row.q or 0, row.id or "", row.name, readable(row.value), row.schema)
            waited = f", after {duration(row.ms / 1000)}" if row.ms is not None else ""
            by = f", by {answer.by}" if answer.by else ""
            found.append(f"<h3>{escaped(question.line())}</h3>\n{_block(_text(readable(answer.value)))}")
            found.append(f"<p>Answered{escaped(by + waited)}.</p>\n")
    yield from _section("answers", "Questions and answers", "".join(found))


# --- values


def _moment(at: str) -> str:
    moment = parse_time(at)
    return at if moment is None else moment.isoformat(" ", "seconds")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else dump(value, ascii_only=False, indent=2)


def _block(text: str, more: str = "") -> str:
    return f'<pre tabindex="0"><code>{_cut(text, _MOST, more)}</code></pre>\n'


def _details(name: str, text: str, limit: int, more: str) -> str:
    return (
        f'<details><summary>{name}</summary><pre tabindex="0"><code>{_cut(text, limit, more)}</code></pre></details>\n'
    )


def _value(value: Any, limit: int, more: str) -> str:
    """Return a value in a cell: as it is if it is short, else to be unfolded."""
    text = _text(value)
    if len(text) <= 60 and "\n" not in text:
        return f"<code>{_harmless(text)}</code>"
    return _details(f"<code>{escaped(brief(value, 50))}</code>", text, limit, more)


def _cut(text: str, limit: int, more: str) -> str:
    """Return a text escaped, in at most `limit` bytes; if it is cut, with the command that prints all of it."""
    shown = _harmless(text[:limit])
    length = min(len(text), limit)
    while len(shown.encode()) > limit:
        length = length * limit // len(shown.encode())
        shown = _harmless(text[:length])
    if length == len(text):
        return shown
    return f"{shown}\n… {len(text) - length} more characters" + (f":  {escaped(more)}" if more else "")


def _harmless(text: str) -> str:
    return html.escape(re.sub("[\ufffe\uffff]", "\ufffd", printable(text)))
