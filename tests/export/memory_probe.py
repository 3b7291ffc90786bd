"""Run by test_memory.py in a process of its own.

Exports a folder and prints rows or error, and peak resident MiB.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from reconciler.errors import SourceError
from reconciler.resources.formats import CsvFormat, Format, JsonFormat, ParquetFormat
from reconciler.samples.generator import COLUMNS, FLAT_COLUMNS
from tests.export.support import dataset, export


def main(folder: str, source: str, target: str) -> None:
    """Everything in `folder` that the target can hold."""
    kinds = COLUMNS if source == "parquet" and target != "csv" else FLAT_COLUMNS
    formats: dict[str, Format] = {
        "parquet": ParquetFormat(type="parquet"),
        "json": JsonFormat(type="json"),
        "csv": CsvFormat(type="csv"),
    }
    found: dict[str, object] = {}
    try:
        done = export(
            Path(folder), Path(folder).parent / f"out-{source}-{target}", dataset(source, kinds), formats[target]
        )
        found = {"read": done.result.read, "matched": done.result.matched}
    except SourceError as error:
        found = {"code": error.code}
    # Not getrusage: its maximum survives exec, so that a child begins with its parent's.
    status = Path("/proc/self/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) // 1024
    print(json.dumps({**found, "peak": peak}))


if __name__ == "__main__":
    main(*sys.argv[1:])
