"""Release notes from a git history, written once a person has approved them. Needs git and nothing else.

    lgrun invoke workflows/changelog.py -t notes repo=. version=1.4.0    # asks; in a script: exit code 3
    lgrun show notes --get questions.0.value.draft                       # what would be written
    lgrun resume notes --value approve                                   # writes ./RELEASE_NOTES.md
    lgrun resume notes --value edit                                      # or `edit` it first, or `reject` it

`changelog`, the last function, is the workflow: ordinary Python, run from top to bottom. What touches the
world (git, files, the current directory) is a `@task`; what a task returns is saved. `interrupt(question)`
stops the run; the process may end, the machine may restart. `lgrun resume` calls `changelog` from its top
again: finished tasks do not run but hand back what they returned before, and `interrupt` returns the answer.
"""

import hashlib
import os
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any, TypedDict

from lgrun.func import entrypoint, task
from lgrun.types import interrupt

KINDS = {"feat": "Features", "fix": "Fixes", "perf": "Performance", "docs": "Documentation"}
KINDS |= dict.fromkeys(("build", "chore", "ci", "refactor", "style", "test"), "Internals")
BREAKING, OTHER = "Breaking changes", "Other changes"
SUBJECT = re.compile(r"(?P<kind>[\w-]+)(?:\((?P<scope>[^()]+)\))?(?P<bang>!)?: +(?P<text>.+)")
Commit = dict[str, str]  # tasks take and return plain data, because it is saved as JSON
MOST_LINES = 100  # per section: the first release of an old project has thousands, and nobody reads them


class Options(TypedDict, total=False):
    """The input. `lgrun invoke` reads `key=text` into it and refuses a key that is not here."""

    repo: str
    since: str
    out: str
    version: str


def git(repo: str, *args: str, stdin: bytes = b"") -> str:
    """Return what git prints, in whatever encoding; where git complains, its own words are the error."""
    # Inside a git hook these two are set, and would win over `-C`.
    env = {name: value for name, value in os.environ.items() if name not in ("GIT_DIR", "GIT_WORK_TREE")}
    done = subprocess.run(["git", "-C", repo, *args], input=stdin, capture_output=True, env=env, check=False)
    if done.returncode not in (0, 1):  # 1 is how `rev-parse --quiet` says that there is none
        complaint = " ".join(done.stderr.decode(errors="replace").split())
        raise ValueError(f"git {args[0]} failed in {repo}: {complaint}")
    return done.stdout.decode(errors="replace")


def commit_named(repo: str, ref: str, otherwise: str) -> str:
    """Return the hash of the commit that `ref` means; if it means none, that is the error."""
    found = git(repo, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}").strip()
    if not found:
        raise ValueError(otherwise)
    return found


@task
def prepare(options: Options) -> dict[str, str]:
    """Make the input definite: full paths and hashes mean the same in another directory, and tomorrow."""
    folder = Path(options.get("repo", ".")).expanduser().resolve()
    out = (folder / Path(options.get("out", "RELEASE_NOTES.md")).expanduser()).resolve()
    repo, since, version = str(folder), options.get("since"), options.get("version", "Unreleased")
    commits = commit_named(repo, "HEAD", f"{repo} has no commits yet")
    if not since:
        latest = ("--sort=-version:refname", "--sort=-creatordate", "--count=1", "--format=%(refname:short)")
        since = git(repo, "for-each-ref", f"--merged={commits}", *latest, "refs/tags").strip()
    if since:
        start = commit_named(repo, since, f"since={since} names no commit in {repo}")
        commits = f"{start}..{commits}"
    return {"repo": repo, "out": str(out), "version": version, "since": since, "commits": commits}


@task
def read_history(plan: dict[str, str]) -> list[Commit]:
    """Return the commits to write about, newest first; merges say nothing that their commits do not."""
    # NUL is the one character that no message can contain.
    form = ("-z", "--encoding=UTF-8", "--no-show-signature", "--no-merges", "--format=%H%x00%s%x00%b")
    fields = git(plan["repo"], "log", *form, plan["commits"], "--").split("\0")[:-1]
    if not fields:
        raise ValueError(f"no commits since {plan['since']} in {plan['repo']}: name an earlier since=REF")
    found = zip(fields[::3], fields[1::3], fields[2::3], strict=True)
    return [{"hash": name, "subject": subject, "body": body} for name, subject, body in found]


@task
def group(commits: list[Commit]) -> dict[str, list[Commit]]:
    """Sort the commits into sections by their subjects, which become the lines of the notes."""
    groups: dict[str, list[Commit]] = {title: [] for title in (BREAKING, *KINDS.values(), OTHER)}
    for commit in commits:
        text = re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", commit["subject"]).strip() or "(no subject)"
        parts = SUBJECT.fullmatch(text)
        title = KINDS.get(parts["kind"].lower(), OTHER) if parts else OTHER
        if parts and title != OTHER:
            text = f"**{parts['scope']}:** {parts['text']}" if parts["scope"] else parts["text"]
        if (parts and parts["bang"]) or re.search("^BREAKING[ -]CHANGE:", commit["body"], re.MULTILINE):
            title = BREAKING
        groups[title].append({"hash": commit["hash"], "line": f"- {text} ({commit['hash'][:8]})"})
    return {title: members for title, members in groups.items() if members}


@task
def summarise(repo: str, title: str, commits: list[Commit]) -> str:
    """Return one section: how much changed and where, then a line per commit."""
    # Where a shallow clone begins, git would call every file new.
    root = [] if "true" in git(repo, "rev-parse", "--is-shallow-repository") else ["--root"]
    form = ("--stdin", *root, "-r", "-z", "--numstat", "--no-commit-id", "--no-renames")
    output = git(repo, "diff-tree", *form, stdin="".join(c["hash"] + "\n" for c in commits).encode())
    changes = [entry.split("\t", 2) for entry in output.split("\0")[:-1]]
    plus, minus = (sum(int(c[n]) for c in changes if c[n] != "-") for n in (0, 1))  # "-": a binary file
    paths = sorted({path for _, _, path in changes})
    folders = Counter(path.split("/")[0] + "/" for path in paths if "/" in path)
    where = "".join(f", {name} {count}" for name, count in folders.most_common(3))
    lines = [commit["line"] for commit in commits[:MOST_LINES]]
    if len(commits) > MOST_LINES:
        lines.append(f"- and {len(commits) - MOST_LINES} more")
    return "\n".join([f"## {title}", "", f"_Lines +{plus} -{minus}, files {len(paths)}{where}_", "", *lines])


@task
def draft(plan: dict[str, str], count: int, sections: list[str]) -> str:
    """Join the sections. A task, so that a change to this file cannot change notes somebody is reading."""
    since = f" since {plan['since']}" if plan["since"] else ""
    return "\n\n".join([f"# {plan['version']}", f"Commits{since}: {count}", *sections]) + "\n"


def fingerprint(path: str) -> str | None:
    """Return what tells a file's content from any other, or None if there is no file."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest() if os.path.exists(path) else None


look_at = task(fingerprint)


@task
def write(path: str, text: str, before: str | None) -> bool:
    """Write the file, all of it or nothing; False if it is no longer the one the question was about."""
    found, data = fingerprint(path), text.encode()
    if found != before:  # by somebody else, or by this task if the power was cut before its result was saved
        return found == hashlib.sha256(data).hexdigest()
    fresh = Path(f"{path}.{os.getpid()}.tmp")
    with fresh.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    return True


def edited(text: str) -> str:
    """Ask for other words; an answer without any leaves the text as it is."""
    answer = interrupt({"question": "What should the notes say?", "type": "editor", "default": text})
    return answer.rstrip() + "\n" if isinstance(answer, str) and answer.strip() else text


def review(path: str, text: str) -> bool:
    """Ask until the notes are written (True) or rejected (False)."""
    hint = ""
    while True:
        before = look_at(path).result()
        ask = hint + (f"{path} exists: replace it?" if before else f"Write {path}?")
        answer = interrupt({"question": ask, "options": ["approve", "edit", "reject"], "draft": text})
        hint = ""
        match answer:
            case "reject":
                return False
            case "edit":
                text = edited(text)
            case "approve":
                if write(path, text, before).result():
                    return True
                hint = "The file was changed while the question was open. "
            case _:
                hint = f"{answer!r} is none of approve, edit, reject. "


@entrypoint()
def changelog(options: Options) -> dict[str, Any]:
    """Draft release notes from a git history and write them once approved.

    repo: a repository (default .); since: a tag, branch or commit (default: the latest tag, else everything);
    out: the file, relative to repo (default RELEASE_NOTES.md); version: the title (default Unreleased).
    """
    plan = prepare(options).result()
    commits = read_history(plan).result()
    groups = group(commits).result()
    # A call starts its task, result() waits for it: all sections are under way before the first is awaited.
    started = [summarise(plan["repo"], title, members) for title, members in groups.items()]
    text = draft(plan, len(commits), [section.result() for section in started]).result()
    written = review(plan["out"], text)
    return {
        "status": "written" if written else "rejected",
        "file": plan["out"] if written else None,
        "version": plan["version"],
        "commits": len(commits),
        "groups": {title: len(members) for title, members in groups.items()},
    }
