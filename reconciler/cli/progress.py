"""How far exports are, on stderr: one line that is redrawn on a terminal, plain lines at intervals elsewhere, nothing when it is quick."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.cli.console import Console, redraws, width

if TYPE_CHECKING:
    from reconciler.export.job import Progress
    from reconciler.values.identity import FlowId

QUICK = 1.0
"""Seconds before anything is drawn on a terminal."""
FIRST = 10
"""Seconds before the first plain line."""
EVERY = 30
"""Seconds between plain lines."""
NARROW = 80
"""Columns of a terminal that doesn't say."""
_REDRAW = 0.2


@dataclass(slots=True)
class _Export:
    """One that is under way. Times are the display's clock's; `said`: of its last plain line."""

    since: float
    progress: Progress
    said: float | None = None


class Display:
    """Told of progress by the threads that work, which it never holds up: a thread of its own draws, as long as it is entered."""

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.console = console
        self._clock = clock
        self._exports: dict[FlowId, _Export] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._draw, name="progress", daemon=True)

    def __enter__(self) -> Display:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self.console.line("")

    def update(self, flow: FlowId, progress: Progress) -> None:
        """How far an export is."""
        with self._lock:
            known = self._exports.get(flow)
            if known is None:
                self._exports[flow] = _Export(self._clock(), progress)
            else:
                known.progress = progress

    def done(self, flow: FlowId) -> None:
        """Its result is about to be shown."""
        with self._lock:
            if self._exports.pop(flow, None) and not self._exports:
                self.console.line("")

    def tick(self) -> None:
        """Draws what is due to be drawn."""
        with self._lock:
            now = self._clock()
            if self.console.form == "text" and redraws(sys.stderr):
                self._line(now, width(sys.stderr) or NARROW)
            else:
                self._plain(now)

    def _line(self, now: float, columns: int) -> None:
        from reconciler.present.progress import as_text

        shown = [(flow, each) for flow, each in self._exports.items() if now - each.since >= QUICK]
        if not shown:
            return
        flow, first = shown[0]
        others = f" (+{len(shown) - 1} more)" if len(shown) > 1 else ""
        text = as_text(flow.short, first.progress, now - first.since, width=columns - len(others))
        self.console.line(text + others)

    def _plain(self, now: float) -> None:
        from reconciler.present.progress import as_data, as_text

        for flow, each in self._exports.items():
            due = each.since + FIRST if each.said is None else each.said + EVERY
            if now >= due:
                each.said = now
                seconds = now - each.since
                text = as_text(flow.short, each.progress, seconds)
                self.console.say(text, "progress", flow=str(flow), **as_data(each.progress, seconds))

    def _draw(self) -> None:
        while not self._over.wait(_REDRAW):
            self.tick()
