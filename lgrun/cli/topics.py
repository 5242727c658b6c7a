"""What `lgrun help TOPIC` says of things that all commands have in common."""

EXIT_CODES = """\
The exit code of a command that acts is how the thread stands.

    0  done; or a command that looks, and has printed what there is (an empty list is 0)
    1  the workflow failed; lgrun resume THREAD continues it
    2  asked wrongly: a bad option, input or answer, an ambiguous name, -f is needed; nothing was changed
    3  waiting for an answer: nothing failed; the questions are on stderr and in --json
    4  no such thread, workflow or step
    5  busy: another process runs this thread; --wait 5m waits for it
    6  refused: the workflow changed, or a saved file does not verify or is from a newer lgrun
   70  a bug in lgrun, never a failure of the workflow
   74  the state directory, or stdout, cannot be read or written
  124  --timeout was reached; lgrun resume THREAD continues it
  129, 130, 143  stopped by SIGHUP, Ctrl-C or SIGTERM; lgrun resume THREAD continues it

That of lgrun batch is 1 if a line did not come to its end, else 3 if one waits, else 0; each line says its own.
"""

ENV = """\
Settings, the same as in lgrun.toml (lgrun config lists all, and says where each comes from):

LGRUN_STATE_DIR   where threads are kept; the option -S goes before it
LGRUN_PATH        folders with workflows, beside ./workflows, with : between them
LGRUN_ON_CHANGE   warn, ask, fail or ignore: what to do when the code no longer does what is recorded
LGRUN_EVENTS      which events of a run --ndjson carries: task,custom,token,checkpoint
LGRUN_ENV_FILE    a file with variables for the code of workflows, like --env-file
LGRUN_STORE_INPUT false: keep no summary of each task's arguments
LGRUN_PAGER       what shows more than fits on the screen; before pager in a file, PAGER and less; empty or cat: none
LGRUN_COLOR       auto, always or never; --color goes before it

Others:

LGRUN_NO_INPUT    1: never ask, and use no pager
NO_COLOR          no colours; FORCE_COLOR and CLICOLOR_FORCE: colours also in a pipe
COLUMNS           how wide lists and help are
LESS              options of less; FRX if it is not set
VISUAL, EDITOR    the editor for long answers

A FILE of --env-file has lines of these forms. What is set already stays as it is, and no value is recorded anywhere.

  NAME=value      up to a # with a blank before it
  NAME="value"    with \\n \\t \\r \\" \\\\ \\$ for what they stand for; may go over several lines
  NAME='value'    exactly these characters; may go over several lines
  # comment       as are empty lines; export in front of a name says nothing
  ${NAME}         is not replaced by anything, and refused outside of '...'
"""

VALUES = """\
VALUE     (--input, --value, --answers)
  {"a": 1}        JSON, if it is JSON; text that begins like JSON and is none is refused
  @file.json      what is in a file: .json and .toml, and .yaml where PyYAML is installed, are read as such
  -               standard input
  anything else   this text; --text 'anything' is always exactly this text

ITEM      (input of invoke, answers of resume, --config, --context)
  key=text        text, read as the type that is declared for the key
  key:=JSON       exactly this JSON: limit:=5  ok:=true
  key=@file       the text in a file
  key:=@file      the JSON in a file
  a[b][]=x        x, added to the list b of the object a

DURATION  10s 5m 2h 7d; a bare number is seconds

WORKFLOW  path.py, path.py:name, pkg.mod:name, or a name in ./workflows, $LGRUN_PATH or [workflows] of lgrun.toml
THREAD    an id, @last, @waiting; for show, history and watch the start of an id, if only one thread begins so
STEP      (show) THREAD/4 row 4 of the history, THREAD/draft the last task draft, THREAD/draft.2 the second, THREAD/q1
"""

FILES = """\
The state directory is the first of: -S DIR, $LGRUN_STATE_DIR, state_dir in lgrun.toml or in [tool.lgrun] of
pyproject.toml (the nearest folder upwards), state_dir in config.toml of your configuration folder for lgrun, your
platform's place for state (on Linux ~/.local/state/lgrun).

threads/THREAD/00000001.json           what a run was given
threads/THREAD/00000001.writes.jsonl   what was done since: a line per task, question and answer
threads/THREAD/00000002.json           what it returned
threads/THREAD/source-*.py             the code that ran
threads/THREAD/thread.json, lock       the thread's name; who runs it

Settings are looked for in lgrun.toml, or in [tool.lgrun] of pyproject.toml, in the nearest folder upwards that has one,
then in config.toml of your configuration folder for lgrun (on Linux ~/.config/lgrun). Paths in them are relative to the
file. "graphs" and "env" of the nearest langgraph.json count too. lgrun config KEY VALUE writes a setting.

A checkpoint is written once, a journal only grows. lgrun doctor checks it; lgrun rm and lgrun prune delete threads.
"""

QUESTIONS = """\
What code hands to interrupt() is the question. Text is asked as it is; of an object these keys have a meaning, and all
others are shown above the question as what it is about.

question     what is asked; message, prompt, title, description and text mean the same, the first of them counts
options      the answers to choose from, by number or word; choices and enum mean the same. One that is an object of
             label and value (and perhaps description, hint) is shown as its label; the answer is its value
type         what an answer is, see below; another word than those is shown as what the question is about
default      what Enter answers; what the editor begins with
schema       a JSON Schema that an answer has to fit; response_schema means the same, and is a parameter of interrupt(),
             too. The properties of an object are asked for one by one, unless there is a default

What is typed for each type (where there are options, one of them; several only for multi):

  no type      JSON, or any other text; "5" is always text
  bool         yes, y, true, on, 1 or no, n, false, off, 0; also boolean, confirm, confirmation, yesno
  int          a whole number; also integer
  number       a number; also float
  text         any text, which stays text; also string, str
  json         JSON; also object, array
  multi        several options, or words, with commas between, or a JSON list; also multiselect
  editor       any text, or Enter for $VISUAL or $EDITOR; where the default is no text, JSON in both places; also
               textarea, multiline

  interrupt("Book it?")                                                     any answer
  interrupt({"question": "Book?", "options": ["yes", "no"]})                one of two words
  interrupt({"question": "To?", "options": [{"label": "Rome", "value": 7}]})  7, for 1 or Rome
  interrupt({"question": "Pay?", "type": "bool", "amount": 120})            True or False; the amount is shown
  interrupt({"question": "How many?", "type": "int", "default": 1})         a number; 1 for Enter
  interrupt({"question": "Tags?", "type": "multi", "options": ["a", "b"]})  a list: ["a", "b"] for a,b
  interrupt({"question": "Post:", "type": "editor", "default": draft})      the draft, edited
  interrupt({"question": "Up to 9?", "schema": {"type": "integer", "maximum": 9}})  a number that fits

At a terminal an answer that does not fit is asked for again; to lgrun resume it is a mistake (2) that changes nothing.
Requests to review an agent's actions, as LangChain makes them, are menus: approve, edit, reject, respond.
"""

TOPICS = {"exit-codes": EXIT_CODES, "env": ENV, "values": VALUES, "questions": QUESTIONS, "files": FILES}
