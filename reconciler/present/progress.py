"""How far an export is, as one line. Functions of their arguments."""

from __future__ import annotations

import math
from typing import Any

from reconciler.export.job import Progress
from reconciler.present.words import cut, inert, plural

_BARS = (20, 10)
"""Widths, the one that fits first."""
_NAME = 40
_FULL, _EMPTY = "━", "─"


def as_text(flow: str, done: Progress, seconds: float, *, width: int | None = None) -> str:
    """`flow`: as it is shown; `seconds`: since the first row was asked for. `width`: of the terminal; then with a bar, and what doesn't
    fit is left out, the least telling first. Without it everything is said, and no bar is drawn."""
    share = _share(done)
    lead = f"  ▶ export       {cut(inert(flow), _NAME)}  "
    percent = f"{int(share * 100)} %" if share is not None and share < 1 else ""
    files = _files(done)
    rows = f"{_short(done.rows)} rows"
    rate = f"{_short(int(done.rows / seconds))} rows/s" if seconds > 0 and (done.rows or share) else ""
    left = _left(done, seconds)
    if width is None:
        return lead + _joined(percent, files, rows, rate, left)
    bars = [_bar(share, size) for size in _BARS] if share is not None else []
    for parts in (
        *((f"{bar} {percent}".rstrip(), files, rows, rate, left) for bar in bars),
        (percent, files, rows, rate, left),
        (percent, rows, rate, left),
        (percent, rows, left),
        (percent, left),
        (percent,),
    ):
        line = lead + _joined(*parts)
        if len(line) < width:
            return line
    return cut(lead.rstrip(), width - 1)


def estimated_files(done: Progress) -> int | None:
    """How many files it may come to; None while that can't be told."""
    share = _share(done)
    if not done.files or not share:
        return None
    return max(done.files + 1, round(done.files / share))


def remaining(done: Progress, seconds: float) -> float | None:
    """Seconds that are left, if the rest takes as long as what was read; None while that can't be told."""
    share = _share(done)
    return seconds * (1 - share) / share if share else None


def as_data(done: Progress, seconds: float) -> dict[str, Any]:
    """For machines: counts, bytes of the source, seconds; null where something is unknown."""
    left = remaining(done, seconds)
    return {
        "rows": done.rows,
        "files": done.files,
        "bytesRead": done.read,
        "bytesTotal": done.total or None,
        "seconds": round(seconds, 1),
        "secondsLeft": None if left is None else round(left, 1),
    }


def _share(done: Progress) -> float | None:
    return min(done.read / done.total, 1.0) if done.total else None


def _files(done: Progress) -> str:
    if not done.files:
        return ""
    share, guess = _share(done), estimated_files(done)
    if guess is None or share is None or share >= 1:
        return plural(done.files, "file")
    return f"{done.files:,} of ~{guess:,} files"


def _left(done: Progress, seconds: float) -> str:
    left = remaining(done, seconds)
    if left is None:
        return ""
    if _share(done) == 1:
        return "finishing"
    whole = math.ceil(left)
    hours, minutes = divmod(whole // 60, 60)
    clock = f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
    return f"{clock} left"


def _bar(share: float, size: int) -> str:
    full = int(share * size)
    return _FULL * full + _EMPTY * (size - full)


def _short(number: int) -> str:
    """`840 k`, `2.1 M`; small numbers in full."""
    if number < 10_000:
        return f"{number:,}"
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:.1f} {unit}" if number < 10 * size else f"{number // size} {unit}"
    raise AssertionError(number)


def _joined(*parts: str) -> str:
    return " · ".join(each for each in parts if each)
