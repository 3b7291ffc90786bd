"""`reconcile` as it is, but for its third staged file: that one isn't finished before the file named by HELD_UNTIL is there.

So a test can do something in the middle of an export, however fast or slow the machine is.
"""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path

from reconciler.cli.main import main
from reconciler.destinations.local_sink import LocalSink
from reconciler.values.staged import StagedFile

_finish = LocalSink.finish
_numbers = itertools.count(1)


def finish(self: LocalSink, rows: int) -> StagedFile:
    """Counted, and the third one held."""
    if next(_numbers) == 3:
        while not Path(os.environ["HELD_UNTIL"]).exists():
            time.sleep(0.002)
    return _finish(self, rows)


if __name__ == "__main__":
    LocalSink.finish = finish  # type: ignore[method-assign]
    main()
