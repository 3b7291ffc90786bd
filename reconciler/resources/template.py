"""Name templates: text with a closed list of macros. A plain parser: no attributes, indexes, conversions or nesting.

Checked when the configuration is read (`check_folder`, `check_name`, `check_pair`), rendered by the destinations'
layout.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal, get_args

MacroName = Literal["destination", "source", "source_id", "feed", "slot", "run_id", "part", "ext"]
MACROS: tuple[MacroName, ...] = get_args(MacroName)
DEFAULT_SLOT_FORMAT = "%Y%m%d%H%M"
MAX_PATH_BYTES = 1024
MAX_SEGMENT_BYTES = 240  # of the 255 that file systems take: a suffix is added while a file is staged

_SLOT_FORMAT = re.compile(r"(%[YmdHMjy]|[-_/.:])+")
_LONGEST_NAME = "x" * 63


class TemplateError(ValueError):
    """A template that can't be used. `code`: T1xx of the diagnostics' catalogue; the message says what, why and the
    mend."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Macro:
    """One macro; `format` is `slot`'s and empty for the others."""

    name: MacroName
    format: str = ""


@dataclass(frozen=True, slots=True)
class TemplateValues:
    """What macros stand for. `slot` is aware, written in UTC; an on-demand run's slot is followed by its run id;
    `part` counts from 0."""

    destination: str
    source: str
    source_id: str
    slot: datetime
    run_id: str
    part: int = 0
    ext: str = ""
    on_demand: bool = False
    feed: str = ""

    def of(self, macro: Macro) -> str:
        """The text that a macro stands for."""
        match macro.name:
            case "slot":
                return self.slot.astimezone(UTC).strftime(macro.format) + (f"-{self.run_id}" if self.on_demand else "")
            case "part":
                return f"{self.part:05d}"
            case name:
                return str(getattr(self, name))


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template: literal text and macros in order."""

    text: str
    pieces: tuple[str | Macro, ...]

    @property
    def macros(self) -> frozenset[MacroName]:
        """The names of the macros in it."""
        return frozenset(piece.name for piece in self.pieces if isinstance(piece, Macro))

    def render(self, values: TemplateValues) -> str:
        """The text with its macros filled in; not checked to be a path (see `check_path`)."""
        return "".join(piece if isinstance(piece, str) else values.of(piece) for piece in self.pieces)


@lru_cache(maxsize=256)
def parse_template(text: str) -> Template:
    """Reads a template. Raises TemplateError: T101 unknown macro, T102 malformed, T103 unsupported time format."""
    pieces: list[str | Macro] = []
    rest = text
    while rest:
        literal, brace, rest = rest.partition("{")
        if "}" in literal:
            raise TemplateError("T102", "A } closes no macro. Remove it, or write the { before it.")
        if literal:
            pieces.append(literal)
        if not brace:
            break
        inside, closed, rest = rest.partition("}")
        if not closed or "{" in inside:
            raise TemplateError(
                "T102",
                "A { isn't closed, or macros are nested. Close it with a } after the macro's name.",
            )
        pieces.append(_macro(inside))
    return Template(text, tuple(pieces))


def check_folder(template: Template) -> None:
    """A folder's template gives a plain relative path, whatever its macros stand for. Raises TemplateError (T104,
    T105)."""
    for macro in ("part", "ext"):
        if macro in template.macros:
            raise TemplateError(
                "T104",
                f"{{{macro}}} belongs into the file's name; in the folder it would scatter one export.",
            )
    check_path(template.render(_sample(on_demand=True)))


def check_name(template: Template, *, fixed: bool = False) -> None:
    """A file's name template gives one name, whatever its macros stand for. `fixed`: there is one file alone. Raises TemplateError
    (T104, T105)."""
    for macro in ("ext",) if fixed else ("part", "ext"):
        if macro not in template.macros:
            raise TemplateError(
                "T104",
                f"Write {{{macro}}} into the file's name: without it, two files get the same name.",
            )
    name = template.render(_sample(on_demand=True))
    if "/" in name:
        raise TemplateError("T105", "A file's name holds no /. Folders are written in `folder`.")
    check_path(name)


def check_pair(folder: Template, name: Template, *, fixed: bool = False) -> None:
    """Folder and name together tell flows and runs apart. `fixed`: all runs of a flow have one name. Raises TemplateError (T104)."""
    macros = folder.macros | name.macros
    for macro in ("slot", "run_id"):
        if fixed and macro in macros:
            raise TemplateError(
                "T104",
                f"Under replace, folder and name are the same for every run: take {{{macro}}} out of both, as in folder: "
                "'{source_id}', name: 'newest.{ext}'.",
            )
    if not fixed and "run_id" not in macros:
        raise TemplateError(
            "T104",
            "Write {run_id} into the folder or the name: without it, two runs can write the same name. Or say replace: true.",
        )
    if not macros & {"source", "source_id"}:
        raise TemplateError(
            "T104",
            "Write {source_id} into the folder or the name: without it, two flows share their files.",
        )


def check_path(path: str) -> str:
    """A plain relative path that is the same everywhere; returned as it is. Raises TemplateError (T105) with the
    reason."""
    if not path:
        raise TemplateError(
            "T105",
            "The path is empty. Write a plain relative path, such as {source_id}/{slot:%Y%m%d}.",
        )
    if any(character < " " or character in "\\\x7f" or "\ud800" <= character <= "\udfff" for character in path):
        raise TemplateError(
            "T105",
            "A path holds no backslash and no control character. Use letters, digits, - _ . = and /.",
        )
    segments = path.split("/")
    if not all(segments):
        raise TemplateError(
            "T105",
            "A path is relative and has no empty part: it neither begins nor ends with / nor holds //.",
        )
    if any(segment in (".", "..") for segment in segments):
        raise TemplateError("T105", "A path has no part '.' or '..'. Write a plain relative path.")
    if any(segment[0] in "._" for segment in segments):
        raise TemplateError(
            "T105",
            "No part of a path begins with '.' or '_': readers skip such files. Begin it with a letter.",
        )
    if len(path.encode()) > MAX_PATH_BYTES:
        raise TemplateError(
            "T105",
            f"The path can become longer than {MAX_PATH_BYTES} bytes. Shorten it.",
        )
    if max(len(segment.encode()) for segment in segments) > MAX_SEGMENT_BYTES:
        raise TemplateError(
            "T105",
            f"A part of the path can become longer than {MAX_SEGMENT_BYTES} bytes. Shorten it.",
        )
    return path


def _macro(inside: str) -> Macro:
    name, colon, slot_format = inside.partition(":")
    known = next((each for each in MACROS if each == name), None)
    if known is None or (colon and known != "slot"):
        listed = " ".join(f"{{{each}}}" for each in MACROS)
        raise TemplateError(
            "T101",
            f"There is no such macro. Use one of {listed}; only slot takes a format, as {{slot:%Y%m%d}}.",
        )
    if known != "slot":
        return Macro(known)
    slot_format = slot_format if colon else DEFAULT_SLOT_FORMAT
    if not _SLOT_FORMAT.fullmatch(slot_format) or "%" not in slot_format:
        raise TemplateError(
            "T103",
            "A slot's format takes %Y %m %d %H %M %j %y with - _ . : / between them, such as {slot:%Y%m%d%H%M}.",
        )
    return Macro(known, slot_format)


def _sample(*, on_demand: bool) -> TemplateValues:
    """The longest values that macros can have."""
    return TemplateValues(
        _LONGEST_NAME,
        _LONGEST_NAME,
        _LONGEST_NAME,
        datetime(2026, 12, 31, 23, 59, tzinfo=UTC),
        "r" + "0" * 16,
        feed=_LONGEST_NAME,
        ext="snappy.parquet",
        on_demand=on_demand,
    )
