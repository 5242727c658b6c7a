"""Check the links of Markdown files: web pages, files, #headings. Needs Python and nothing else.

    lgrun invoke workflows/linkcheck.py path=README.md                    # {"checked": 12, "broken": [...]}
    lgrun invoke workflows/linkcheck.py path=docs timeout=5               # every *.md below a folder
    lgrun invoke workflows/linkcheck.py -t links path=. fail:=true        # for CI: a broken link is exit code 1
    lgrun resume links                                                    # check those again, and only those

Each distinct address is checked by one `@task`. A broken link is an error of its task, which the workflow catches:
what failed is not saved, what went well is. So a resume (after Ctrl-C, after `fail:=true`) checks only what is left.
"""

import re
from concurrent.futures import FIRST_COMPLETED, Future, wait
from http.client import HTTPException
from pathlib import Path
from typing import Any, Required, TypedDict
from urllib.error import HTTPError
from urllib.parse import quote, unquote, urlsplit
from urllib.request import Request, urlopen

from lgrun.func import entrypoint, task
from lgrun.types import RetryPolicy

FENCE = re.compile(r"^[ >*+-]*(`{3,}|~{3,})[^`\n]*\n(?s:.*?)(?:^[ >]*\1[`~]*[ \t]*$|\Z)", re.MULTILINE)
SPAN = re.compile(r"(?<![`\\])(`+)(?!`)(?:[^\n]|\n(?!\s*\n))+?(?<!`)\1(?!`)|<!--(?s:.*?)-->")
HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.+?)(?:[ \t]+#+)?[ \t]*$|^(\S.*)\n(?:=+|-+)[ \t]*$", re.MULTILINE)
LINK = re.compile(
    r"""(?<!\\)\]\([ ]*(?:<([^<>]+)>|((?:[^\s()<>]|\([^\s()]*\))+))  # [text](target), ![image](target)
    |^[ ]{0,3}\[(?!\^)[^\]]+\]:[ ]*<?([^\s<>]+)  # [name]: target
    |\b(?:href|src)=["']([^"'\s]+)  # <a href="target">
    |(?<![\w/])(https?://(?:[^\s()<>"'`\[\]]|\([^\s()]*\))+(?<![.,;:!?*_]))  # <https://...>, or without brackets""",
    re.VERBOSE,
)


class Options(TypedDict, total=False):
    """The input. `lgrun invoke` reads `key=text` into it and refuses a key that is not here."""

    path: Required[str]
    timeout: float
    parallel: int
    fail: bool


class Broken(Exception):
    """A link leads nowhere. Its arguments: the address, the reason."""

    def __str__(self) -> str:
        return ": ".join(self.args)


class Unsure(Broken):
    """It did this time; another attempt may find the page."""


def resolve(url: str, file: Path, root: Path) -> str | None:
    """Return the address to check, or None for what has none: mailto: and the like."""
    if scheme := re.match(r"([A-Za-z][\w+.-]*):", url):
        return url.partition("#")[0] if scheme[1].lower() in ("http", "https") else None
    name, _, anchor = url.partition("#")
    name = unquote(name.partition("?")[0])
    base = root if name.startswith("/") else file.parent
    return f"{(base / name.lstrip('/') if name else file).resolve().as_uri()}#{anchor}".removesuffix("#")


@task
def find_links(path: str) -> dict[str, dict[str, Any]]:
    """Return the links of a file or folder by address: how the first is written, and where all of them are."""
    root = Path(path)
    folder, files = (root, sorted(root.rglob("*.md"))) if root.is_dir() else (root.parent, [root])
    files = [f for f in files if not re.search(r"(^|/)(\.|node_modules/)", f.relative_to(folder).as_posix())]
    if not files:
        raise ValueError(f"no *.md files in {path}")
    found: dict[str, dict[str, Any]] = {}
    for file in files:
        text = file.read_text("utf-8-sig", "replace")
        for code in (FENCE, SPAN):
            text = code.sub(lambda match: "\n" * match[0].count("\n"), text)
        for number, line in enumerate(text.split("\n"), 1):
            for url in (next(filter(None, match.groups())) for match in LINK.finditer(line)):
                target, place = resolve(url, file, folder), f"{file}:{number}"
                if target and place not in found.setdefault(target, {"url": url, "where": []})["where"]:
                    found[target]["where"].append(place)
    return found


def anchors(text: str) -> set[str]:
    """Return what #... can name in a Markdown file: headings, as GitHub spells them, and marks in HTML."""
    text = FENCE.sub("", text)
    found, names = {"top", *re.findall(r"""\b(?:id|name)=["']([^"']+)""", text)}, list[str]()
    for match in HEADING.finditer(text):
        words = re.sub(r"!?\[([^\]]*)\]\([^)]*\)|<[^>]+>", r"\1", match[1] or match[2])
        name = re.sub(r"[^\w -]", "", words.strip().lower()).replace(" ", "-")
        found.add(f"{name}-{names.count(name)}" if name in names else name)
        names.append(name)
    return found


@task(retry_policy=RetryPolicy(max_attempts=3, retry_on=Unsure))
def check(target: str, timeout: float) -> str:
    """Return the address if something is there."""
    try:
        parts = urlsplit(target)
        if parts.scheme == "file":
            file, anchor = Path(unquote(parts.path)), unquote(parts.fragment)
            if not file.exists():
                raise Broken(target, "no such file")
            if anchor and file.suffix == ".md" and anchor not in anchors(file.read_text("utf-8-sig", "replace")):
                raise Broken(target, "no such heading")
            return target
        address = quote(target, safe="%/:=&?~+!$,;'@()*[]")
        for method in ("HEAD", "GET"):  # some servers refuse HEAD, or answer it wrongly
            try:
                with urlopen(Request(address, method=method, headers={"User-Agent": "linkcheck"}), timeout=timeout):
                    return target
            except HTTPError as answer:
                answer.close()
                code, reason = answer.code, f"{answer.code} {answer.reason}".split("\n")[0]
        raise (Unsure if code >= 500 or code == 429 else Broken)(target, reason)
    except OSError as error:  # no connection, no answer in time
        raise Unsure(target, str(getattr(error, "reason", error))) from None
    except (ValueError, HTTPException) as error:
        raise Broken(target, f"{type(error).__name__}: {error}") from None


@entrypoint()
def linkcheck(options: Options) -> dict[str, Any]:
    """Check the links of Markdown files and say which are broken, where, and why.

    path: a file, or a folder for all *.md below it; timeout: seconds to wait for an answer (default 10);
    parallel: how many to check at the same time (default 8); fail: make broken links an error.
    """
    links = find_links(options["path"]).result()
    checks: list[Future[str]] = []
    running: set[Future[str]] = set()
    for target in links:
        if len(running) >= options.get("parallel", 8):
            running = wait(running, return_when=FIRST_COMPLETED).not_done
        checks.append(check(target, options.get("timeout", 10.0)))
        running.add(checks[-1])
    broken = []
    for link, started in zip(links.values(), checks, strict=True):
        try:
            started.result()
        except Broken as error:
            broken.append({**link, "reason": error.args[1]})
    if broken and options.get("fail"):
        listed = ", ".join(f"{link['url']} at {link['where'][0]} ({link['reason']})" for link in broken)
        raise Broken(f"{len(broken)} of {len(links)} links are broken", listed)
    return {"checked": len(links), "broken": broken}
