"""Regular expressions: a small language that means the same to every engine and takes linear time in all of them.

Engines differ in what `\\d`, `\\b`, `$` or `.` match, and in what they accept. So a pattern is read here, and written again
of what no two of them read differently: codes of characters, sets of ranges, groups, counts, and the ends of the text.
"""

from __future__ import annotations

MAX_PATTERN = 1_000
MAX_SIZE = 1_000
"""Characters of the pattern when every count is written out: `(ab){5}` is 10. RE2 repeats nothing more often."""
MAX_GROUPS = 20
MAX_COUNT = 500
_SETS = {
    "d": ((48, 57),),
    "w": ((48, 57), (65, 90), (95, 95), (97, 122)),
    "s": ((9, 13), (32, 32)),
}
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v"}
_PLAIN = frozenset("\\.^$|?*+()[]{}-/ \"'#&~@%_!,:;<>=`")
_LAST = 0x10FFFF
Ranges = tuple[tuple[int, int], ...]


def portable(pattern: str) -> str:
    """The pattern as every engine reads it alike. Raises ValueError with what isn't allowed."""
    if len(pattern) > MAX_PATTERN:
        raise ValueError(f"A regular expression has {MAX_PATTERN:,} characters at most.")
    reader = _Reader(pattern)
    text, size = reader.alternatives(0)
    if reader.at < len(pattern):
        raise ValueError("A ) has no ( before it. For the character itself, write \\).")
    if size > MAX_SIZE:
        raise ValueError(f"With its counts written out, a regular expression has {MAX_SIZE:,} characters at most.")
    return text


class _Reader:
    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def alternatives(self, depth: int) -> tuple[str, int]:
        """Up to a closing bracket or the end: the text, and its size with counts written out."""
        if depth > MAX_GROUPS:
            raise ValueError(f"Groups nest {MAX_GROUPS} levels at most.")
        texts, size = [""], 0
        while self.at < len(self.pattern) and self._next() != ")":
            if self._next() == "|":
                self.at += 1
                texts.append("")
                continue
            text, found = self._counted(depth)
            texts[-1] += text
            size += found
        return "|".join(texts), size

    def _next(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def _counted(self, depth: int) -> tuple[str, int]:
        anchor = self._next() in ("^", "$")
        text, size = self._atom(depth)
        if (count := self._count()) is None:
            return text, size
        if anchor:
            raise ValueError("^ and $ can't be repeated.")
        written, times = count
        if self._next() == "?":  # as few as possible: the same texts match
            self.at += 1
        if self._next() in ("*", "+", "?", "{"):
            raise ValueError("A count stands behind another. Group what is counted: (?:a+)*.")
        return text + written, size * times

    def _atom(self, depth: int) -> tuple[str, int]:
        char = self._next()
        self.at += 1
        match char:
            case "^":
                return "\\A", 1
            case "$":
                return "\\z", 1
            case ".":
                return "[^\\x{A}]", 1
            case "[":
                return self._set(), 1
            case "(":
                return self._group(depth)
            case "\\":
                return _set_text(self._escaped(), negated=False), 1
            case "*" | "+" | "?" | "{":
                raise ValueError(f"{char} has nothing before it to repeat. For the character itself, write \\{char}.")
            case _:
                return _code(ord(char)), 1

    def _group(self, depth: int) -> tuple[str, int]:
        if self._next() == "?":
            if not self.pattern.startswith("?:", self.at):
                raise ValueError("Behind (? only : is allowed: flags, names and looking ahead or back aren't.")
            self.at += 2
        text, size = self.alternatives(depth + 1)
        if self._next() != ")":
            raise ValueError("A ( isn't closed. For the character itself, write \\(.")
        self.at += 1
        return f"(?:{text})", max(size, 1)

    def _escaped(self) -> Ranges:
        char = self._next()
        self.at += 1
        if char.lower() in _SETS and char:
            found = _SETS[char.lower()]
            return found if char.islower() else _without(found)
        if char in _CONTROLS:
            return ((ord(_CONTROLS[char]),) * 2,)
        if not char or char not in _PLAIN:
            known = "\\d \\w \\s \\D \\W \\S \\t \\n \\r"
            raise ValueError(f"\\{char} isn't allowed. Allowed: {known}, and \\ before a sign for the sign itself.")
        return ((ord(char), ord(char)),)

    def _set(self) -> str:
        negated = self._next() == "^"
        self.at += negated
        ranges: list[tuple[int, int]] = []
        while (char := self._next()) != "]":
            if not char:
                raise ValueError("A [ isn't closed. For the character itself, write \\[.")
            if char == "[":
                raise ValueError("In [ ], write \\[ for the character [. Sets in sets aren't allowed.")
            low = self._member()
            if self._next() == "-" and self.pattern[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                high = self._member()
                if not (_single(low) and _single(high) and low[0][0] <= high[0][0]):
                    raise ValueError("In [ ], a range goes from a character to a later one, as in [a-z].")
                ranges.append((low[0][0], high[0][0]))
                continue
            ranges += low
        self.at += 1
        if not ranges:
            raise ValueError("[] is empty. For the character ], write \\].")
        return _set_text(tuple(ranges), negated)

    def _member(self) -> Ranges:
        char = self._next()
        self.at += 1
        return self._escaped() if char == "\\" else ((ord(char), ord(char)),)

    def _count(self) -> tuple[str, int] | None:
        char = self._next()
        if char in ("*", "+", "?") and char:
            self.at += 1
            return char, 1
        if char != "{":
            return None
        end = self.pattern.find("}", self.at)
        low, comma, high = self.pattern[self.at + 1 : end].partition(",")
        if end < 0 or not _digits(low) or not (high == "" or _digits(high)):
            raise ValueError("A count is written {3}, {3,} or {3,5}. For the character itself, write \\{.")
        least, most = int(low), int(high or low)
        if most > MAX_COUNT or least > most:
            raise ValueError(f"A count goes from a smaller to a larger number, {MAX_COUNT:,} at most.")
        self.at = end + 1
        return "{" + str(least) + comma + (str(most) if high else "") + "}", max(most, 1)


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 4


def _single(ranges: Ranges) -> bool:
    return len(ranges) == 1 and ranges[0][0] == ranges[0][1]


def _without(ranges: Ranges) -> Ranges:
    """All other characters."""
    edges = [0, *(edge for low, high in ranges for edge in (low - 1, high + 1)), _LAST]
    return tuple((edges[at], edges[at + 1]) for at in range(0, len(edges), 2))


def _set_text(ranges: Ranges, negated: bool) -> str:
    if _single(ranges) and not negated:
        return _code(ranges[0][0])
    inside = "".join(_code(low) if low == high else f"{_code(low)}-{_code(high)}" for low, high in ranges)
    return f"[{'^' if negated else ''}{inside}]"


def _code(char: int) -> str:
    return f"\\x{{{char:X}}}"
