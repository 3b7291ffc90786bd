"""A reader who looks at a destination all the while, from a thread of its own."""

from __future__ import annotations

import threading
from types import TracebackType

from tests.faults import look
from tests.faults.place import Place


class Watch:
    """Looks again and again until its block ends; then raises what it found wrong. It has looked at least once."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._wrong: BaseException | None = None
        self.looks = 0

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        if kind is None and self._wrong is not None:
            raise self._wrong

    def _look(self) -> None:
        try:
            while True:
                look.check_instant(self._place, f"look {self.looks}")
                self.looks += 1
                if self._over.is_set():
                    return
        except BaseException as error:
            self._wrong = error
