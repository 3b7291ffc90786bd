"""What leaves the process: results on stdout, progress and diagnostics on stderr, as text or as lines of JSON. Colours on terminals."""

from __future__ import annotations

import errno
import os
import sys
import threading
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any, Literal

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.diagnostics import Diagnostic
    from reconciler.errors import ReconcilerError
    from reconciler.present.diagnostics import Style

LogForm = Literal["text", "json"]
Level = Literal["info", "warning", "error"]
VERSION = 1
_CLEAR = "\r\x1b[K"
_COLOURS: dict[str, dict[str, Any]] = {
    "place": {"bold": True},
    "error": {"fg": "red", "bold": True},
    "warning": {"fg": "yellow", "bold": True},
    "summary": {"bold": True},
    "quote": {"dim": True},
    "mark": {"fg": "red"},
    "failed": {"fg": "red"},
    "held": {"fg": "red"},
    "late": {"fg": "yellow"},
    "due": {"fg": "cyan"},
    "running": {"fg": "green"},
    "add": {"fg": "green"},
    "change": {"fg": "yellow"},
    "move": {"fg": "yellow"},
    "remove": {"fg": "red"},
    "export": {"fg": "cyan"},
    "refused": {"fg": "red", "bold": True},
    "quiet": {"dim": True},
}


class Console:
    """One per call. May be used from several threads. A reader that went away doesn't end the work: what it would have read is dropped."""

    def __init__(self, form: LogForm = "text") -> None:
        self.form: LogForm = form
        self.failure: OSError | None = None
        self._lock = threading.RLock()
        self._line = ""

    # Results ------------------------------------------------------------------------------------------------------------

    def out(self, text: str) -> None:
        """A result, with its line end."""
        self._write(sys.stdout, text if text.endswith("\n") else f"{text}\n")

    def out_json(self, data: dict[str, object]) -> None:
        """A result for machines, versioned."""
        from reconciler.present.json_text import versioned

        self.out(versioned(data))

    # Progress and diagnostics ---------------------------------------------------------------------------------------------

    def say(self, text: str, event: str, level: Level = "info", **fields: object) -> None:
        """What a person reads as `text`, a machine as an event with its fields. Neither holds a cell's value or a secret."""
        if self.form == "json":
            self.event(event, level, **fields)
        else:
            self._write(sys.stderr, text if text.endswith("\n") else f"{text}\n")

    def event(self, event: str, level: Level = "info", **fields: object) -> None:
        """For machines alone: one line of JSON; nothing where people read."""
        if self.form == "json":
            import json

            at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            line = {"version": VERSION, "time": at, "level": level, "event": event, **fields}
            self._write(sys.stderr, json.dumps(line, ensure_ascii=False) + "\n")

    def error(self, error: ReconcilerError) -> None:
        """An error with its detail; every finding of a configuration that isn't valid."""
        from reconciler.config.invalid import NotValid
        from reconciler.diagnostics import CODES
        from reconciler.present.words import inert

        if isinstance(error, NotValid):
            self.findings(error.diagnostics, error.files, revision=error.revision)
            return
        more = f" · reconcile explain {error.code}" if error.code in CODES else ""
        style = style_for(sys.stderr)
        text = f"{style(error.code, 'error')} {style(error.summary, 'summary')}{style(more, 'quiet')}"
        text += f"\n  {inert(error.detail)}" if error.detail else ""
        self.say(text, "error", "error", **error_fields(error))

    def findings(self, found: Iterable[Diagnostic], files: Mapping[str, str], *, revision: str | None = None) -> None:
        """Diagnostics of a configuration, as text with the quoted lines."""
        from reconciler.present.diagnostics import as_text, item
        from reconciler.present.words import inert

        listed = list(found)
        if self.form == "json":
            for each in listed:
                self.event("diagnostic", each.severity, **item(each), revision=revision)
        elif listed:
            lead = f"At {inert(revision)}, the configuration is not valid:\n" if revision else ""
            text = as_text(listed, files, files=len(files), style=style_for(sys.stderr))
            self._write(sys.stderr, lead + text)

    def line(self, text: str) -> None:
        """A line on a terminal's stderr that the next one replaces; empty: none."""
        with self._lock:
            if text != self._line:
                self._raw(sys.stderr, (_CLEAR if self._line else "") + text)
                self._line = text

    def _write(self, stream: IO[str], text: str) -> None:
        with self._lock:
            line, self._line = self._line, ""
            if line:
                self._raw(sys.stderr, _CLEAR)
            self._raw(stream, text)
            if line:
                self._raw(sys.stderr, line)
                self._line = line

    def _raw(self, stream: IO[str], text: str) -> None:
        try:
            # Whoever styles text asks `coloured`; what clears a line must reach a terminal without colours too.
            click.echo(text, file=stream, nl=False, color=stream.isatty())
        except OSError as error:
            if stream is sys.stdout and error.errno != errno.EPIPE:
                self.failure = self.failure or error
            _drop(stream)


def error_fields(error: ReconcilerError) -> dict[str, object]:
    """An error for machines, with how to mend it as far as its code tells."""
    from reconciler.diagnostics import CODES

    fields = {"code": error.code, "summary": error.summary, "detail": error.detail, "exitCode": error.exit_code}
    return fields | ({"mend": CODES[error.code].mend} if error.code in CODES else {})


def coloured(stream: IO[str]) -> bool:
    """Whether colours are shown: on a terminal that has them, unless NO_COLOR is set to anything."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def style_for(stream: IO[str]) -> Style:
    """Colours for a terminal, plain text for everything else."""

    def plain(text: str, role: str) -> str:
        return text

    if not coloured(stream):
        return plain
    return lambda text, role: click.style(text, **_COLOURS.get(role, {}))


def redraws(stream: IO[str]) -> bool:
    """Whether what was written can be written over: on a terminal that understands more than line ends."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def width(stream: IO[str]) -> int | None:
    """Columns of a terminal; None for everything else, where nothing is cut."""
    if not stream.isatty():
        return None
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return int(given)
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None


def _drop(stream: IO[str]) -> None:
    """Whatever is written from now on goes nowhere, without further errors."""
    try:
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, stream.fileno())
        os.close(sink)
    except (OSError, ValueError):
        return
