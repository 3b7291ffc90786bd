"""Bytes to text: what may stand in a configuration file at all, judged before any parser sees it."""

from __future__ import annotations

import codecs
import re
import unicodedata

from reconciler.diagnostics import Diagnostic, Source, diagnose

MAX_BYTES = 1024 * 1024
_MAX_FINDINGS = 50
_SAVE = "Save it as UTF-8 without a byte order mark."

_BOMS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
    (codecs.BOM_UTF8, "UTF-8 with a byte order mark"),
)
# A lone carriage return, NEL and the Unicode separators end a line for libyaml but not for editors and review pages:
# what looks like the rest of a comment could be a key.
_CONTROL = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff"
_INVISIBLE = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    r"\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff"
)
_JOINERS = r"\u200c\u200d"
_FORBIDDEN = re.compile(
    rf"[{_CONTROL}{_INVISIBLE}]|\r(?!\n)|(?<![^\x00-\x7f])[{_JOINERS}]|[{_JOINERS}](?![^\x00-\x7f])"
)
_SUSPECT = re.compile(rf"[{_CONTROL}{_INVISIBLE}{_JOINERS}\r]")
"""What most texts have none of: one class is looked for several times as fast as the choice above."""
CONTROL = re.compile(rf"[{_CONTROL}]")
INVISIBLE = re.compile(rf"[{_INVISIBLE}{_JOINERS}]")
_UNSHOWABLE = re.compile(rf"[{_CONTROL}{_INVISIBLE}{_JOINERS}\t\n\r\ud800-\udfff]")


def decode(raw: bytes, path: str) -> tuple[str | None, list[Diagnostic]]:
    """The text of a file, or None with the reasons why it isn't read."""
    if len(raw) > MAX_BYTES:
        return None, [too_large(path, len(raw))]
    for mark, name in _BOMS:
        if raw.startswith(mark):
            return None, [diagnose("Y102", Source(path), f"The file is {name}. {_SAVE}")]
    if b"\x00" in raw[:4]:
        return None, [diagnose("Y102", Source(path), f"The file holds NUL bytes, as UTF-16 does. {_SAVE}")]
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8")
        detail = f"The byte 0x{raw[error.start]:02X} isn't UTF-8 here. {_SAVE}"
        return None, [diagnose("Y102", place(path, before, len(before), 1), detail)]
    findings = [_forbidden(path, text, found.start()) for found in _first(text)]
    return (None if findings else text), findings


def too_large(path: str, size: int) -> Diagnostic:
    """The finding about a file over the limit, by its size in bytes."""
    detail = f"The file has {size:,} bytes; the limit is {MAX_BYTES:,}. Split it into several files."
    return diagnose("Y101", Source(path), detail)


def place(path: str, text: str, index: int, length: int = 0) -> Source:
    """The line and column of a character index."""
    line_start = text.rfind("\n", 0, index) + 1
    return Source(path, text.count("\n", 0, index) + 1, index - line_start + 1, length)


def displayed(text: str) -> str:
    """Text as it can be shown anywhere: what can't be, as its code point, or as its byte where a file's name isn't UTF-8."""
    return _UNSHOWABLE.sub(_named, text)


def _named(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"<0x{number - 0xDC00:02X}>" if 0xDC80 <= number <= 0xDCFF else f"<U+{number:04X}>"


def character(char: str) -> str:
    """`U+202E RIGHT-TO-LEFT OVERRIDE`: a character that can't be shown."""
    return f"U+{ord(char):04X} {unicodedata.name(char, '')}".rstrip()


def _first(text: str) -> list[re.Match[str]]:
    found: list[re.Match[str]] = []
    if not _SUSPECT.search(text):
        return found
    for each in _FORBIDDEN.finditer(text):
        found.append(each)
        if len(found) == _MAX_FINDINGS:
            break
    return found


def _forbidden(path: str, text: str, index: int) -> Diagnostic:
    char = text[index]
    code = "Y104" if INVISIBLE.match(char) else "Y103"
    detail = f"The character {character(char)} can't stand in a configuration file. Delete it."
    return diagnose(code, place(path, text, index, 1), detail)
