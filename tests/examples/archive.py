"""The example of a destination type from another package: installed, and looked at with nothing but SQLite."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

from reconciler.destinations.base import Destination

PLUGIN = Path(__file__).parents[2] / "examples" / "plugin"


def install(folder: Path) -> Path:
    """The package, as pip installs it."""
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--no-cache-dir"]
    command = [sys.executable, "-m", "pip", "install", "-q", *options, "--target", str(folder), str(PLUGIN)]
    subprocess.run(command, check=True, capture_output=True, timeout=120, cwd=folder.parent)
    return folder


class ArchiveBench:
    """An archive, looked at with nothing but SQLite."""

    big = 5 << 20
    many = 120

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self) -> Destination:
        opened: Destination = import_module("reconciler_sqlar.destination").SqlarDestination(self.path)
        return opened

    def visible(self) -> dict[str, bytes]:
        rows = self._ask("SELECT name, sz, data FROM sqlar")
        assert all(size == len(data) for _, size, data in rows)
        return {name: data for name, _, data in rows}

    def put(self, name: str, data: bytes) -> None:
        self._ask("INSERT INTO sqlar VALUES (?, 33188, 0, ?, ?)", name, len(data), data)

    def remove(self, name: str) -> None:
        self._ask("DELETE FROM sqlar WHERE name = ?", name)

    def leftovers(self) -> list[str]:
        """What waits, chunks of nothing, probes."""
        chunks = self._ask("SELECT 'chunk' FROM reconciler_chunks")
        probes = self._ask("SELECT name FROM sqlar WHERE name LIKE '.reconciler%'")
        return [name for (name,) in [*self._ask("SELECT name FROM reconciler_staged"), *chunks, *probes]]

    def _ask(self, query: str, *values: object) -> list[Any]:
        """Nothing where there is no archive yet, or one without its tables."""
        if not self.path.exists():
            return []
        with closing(sqlite3.connect(self.path, timeout=60)) as archive, archive:
            if not archive.execute("SELECT 1 FROM sqlite_master WHERE name = 'reconciler_chunks'").fetchone():
                return []
            return archive.execute(query, values).fetchall()
