"""Diagnostics as people and machines see them: text with the quoted line, versioned JSON, annotations of GitHub's.

A line that holds or may hold a secret is never quoted.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence

from reconciler.config.keys import HIDDEN, scrub
from reconciler.config.text import displayed
from reconciler.diagnostics import Diagnostic

FORMAT_VERSION = 1
MAX_SHOWN = 100
_MAX_WIDTH = 160
_MAX_LINE = 2_000
_MARK = "▔"

Style = Callable[[str, str], str]


def plain(text: str, role: str) -> str:
    """The style without colours. Roles: `place`, `error`, `warning`, `summary`, `quote`, `mark`."""
    return text


def as_text(
    diagnostics: Sequence[Diagnostic],
    texts: Mapping[str, str],
    *,
    files: int,
    style: Style = plain,
    limit: int = MAX_SHOWN,
) -> str:
    """Every diagnostic with its place, line and mend, then a count; nothing for none. `files`: how many were read."""
    if not diagnostics:
        return ""
    secret_lines = {
        (each.source.path, each.source.line) for each in diagnostics if each.private or each.code.startswith("S")
    }
    lines: list[str] = []
    split: dict[str, list[str]] = {}
    for each in diagnostics[:limit]:
        source = each.source
        place = f"{_inert(source.path)}:{source.line}:{source.column}"
        lines.append(f"{style(place, 'place')}  {style(each.code, each.severity)}  {style(each.summary, 'summary')}")
        if (source.path, source.line) not in secret_lines and source.path in texts:
            if source.path not in split:
                split[source.path] = texts[source.path].split("\n")
            lines += _quote(each, split[source.path], style)
        lines.append(f"  {_inert(each.detail)}")
    return "\n".join([*lines, *_count(diagnostics, files, limit)]) + "\n"


def _quote(diagnostic: Diagnostic, lines: Sequence[str], style: Style) -> list[str]:
    """The line with a mark under what is meant; without the mark where something had to be hidden."""
    source = diagnostic.source
    if not 1 <= source.line <= len(lines):
        return []
    line = lines[source.line - 1].rstrip("\r")
    start, end = source.column - 1, source.column - 1 + max(source.length, 1)
    if not line.strip() or len(line) > _MAX_LINE:
        return []
    shown = scrub(line)
    gutter = f"{source.line:>4} │ "
    if shown != line:
        return [style(gutter, "quote") + _inert(shown[:_MAX_WIDTH])]
    cut = max(0, start - _MAX_WIDTH // 2) if len(line) > _MAX_WIDTH else 0
    piece = line[cut : cut + _MAX_WIDTH]
    before = "…" if cut else ""
    after = "…" if cut + _MAX_WIDTH < len(line) else ""
    indent = _width(before + _inert(piece[: start - cut]))
    mark = _MARK * max(1, _width(_inert(piece[start - cut : end - cut])))
    under = " " * (len(gutter) - 2) + "│ " + " " * indent + style(mark, "mark")
    return [style(gutter, "quote") + before + _inert(piece) + after, under]


def _count(diagnostics: Sequence[Diagnostic], files: int, limit: int) -> list[str]:
    errors = sum(1 for each in diagnostics if each.severity == "error")
    warnings = len(diagnostics) - errors
    counts = [_plural(number, name) for number, name in ((errors, "error"), (warnings, "warning")) if number]
    touched = len({each.source.path for each in diagnostics})
    hidden = (
        [f"… and {len(diagnostics) - limit:,} more; --format json lists all", ""] if len(diagnostics) > limit else []
    )
    code = next((each.code for each in diagnostics if each.severity == "error"), diagnostics[0].code)
    total = f"{' and '.join(counts)} in {touched} of {_plural(max(files, touched), 'file')} · reconcile explain {code}"
    return ["", *hidden, total]


def as_json(diagnostics: Iterable[Diagnostic], **more: object) -> str:
    """`{"version": 1, "diagnostics": […]}`: all of them, in order, and what else there is to say. Lines and columns from 1, `length` 0 if
    unknown."""
    listed = {"diagnostics": [item(each) for each in diagnostics]}
    return json.dumps({"version": FORMAT_VERSION, **listed, **more}, indent=2, ensure_ascii=False) + "\n"


def item(diagnostic: Diagnostic) -> dict[str, object]:
    """One diagnostic as JSON data."""
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "summary": diagnostic.summary,
        "detail": diagnostic.detail,
        "subject": diagnostic.subject,
        "path": diagnostic.source.path,
        "line": diagnostic.source.line,
        "column": diagnostic.source.column,
        "length": diagnostic.source.length,
    }


def as_github(diagnostics: Iterable[Diagnostic]) -> str:
    """Workflow commands that annotate a pull request's lines. Nothing in a diagnostic can end or start a command."""
    lines = []
    for each in diagnostics:
        source = each.source
        places = f"file={_property(source.path)},line={source.line},col={source.column}"
        if source.length:
            places += f",endColumn={source.column + source.length}"
        title = _property(f"{each.code} {each.summary}")
        lines.append(f"::{each.severity} {places},title={title}::{_message(each.detail)}")
    return "".join(f"{line}\n" for line in lines)


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")


def _inert(text: str) -> str:
    """Text that can't move a terminal's cursor nor hide: what can't be shown is shown as its code point."""
    return displayed(text.replace("\t", " ").replace("\n", " ").replace("\r", " "))


def _width(text: str) -> int:
    """Columns on a terminal: wide characters take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def _plural(number: int, name: str) -> str:
    return f"{number:,} {name}" + ("" if number == 1 else "s")


__all__ = ["HIDDEN", "as_github", "as_json", "as_text", "plain"]
