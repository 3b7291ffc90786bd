"""The archive's database: its tables, its transactions, and SQLite's errors in words."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from reconciler.destinations.errors import failure

WAIT = 60.0
"""Seconds to wait for another writer: one writes at a time."""
# AUTOINCREMENT: a number is never given again, so that a late runner's token can't mean another file.
TABLES = """
CREATE TABLE IF NOT EXISTS sqlar (name TEXT PRIMARY KEY, mode INT, mtime INT, sz INT, data BLOB);
CREATE TABLE IF NOT EXISTS reconciler_owner (one INTEGER PRIMARY KEY CHECK (one = 1), marker BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS reconciler_staged (id INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT, name TEXT, UNIQUE (run_id, name));
CREATE TABLE IF NOT EXISTS reconciler_chunks (
  staged INTEGER REFERENCES reconciler_staged ON DELETE CASCADE, number INTEGER, data BLOB, PRIMARY KEY (staged, number)
);
"""
_MODE = 0o640

# By the beginning of SQLite's message: code, whether trying again is in vain, the mend.
_WORDS = (
    ("unable to open", "D102", True, "Mount the file system or correct connection.path, then plan and apply again."),
    ("no such table", "D102", True, "The archive isn't one of this tool's. Plan and apply again."),
    ("database or disk is full", "D106", False, "Make room on the disk."),
    ("attempt to write a readonly", "D104", True, "Give the user that runs this the right to write the file and its folder."),
    ("file is not a database", "D109", True, "Another file stands there."),
    ("string or blob too big", "D106", True, "An archive holds files up to 1 GB: set files.maxBytes."),
)  # fmt: skip


def create(path: Path) -> None:
    """The archive with its tables, unless it is there. Not open to others: it holds people's data."""
    with explained(path):
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE))
        with closing(_connect(path)) as connection:
            connection.executescript(TABLES)


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """The archive as it is at one moment."""
    with explained(path), closing(_connect(path)) as connection:
        yield connection


@contextmanager
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    """One transaction: all of it is durable at the end, or nothing of it happened."""
    with explained(path), closing(_connect(path)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection
        connection.execute("COMMIT")  # without it, closing rolls back


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns SQLite's errors, and the system's, into `DestinationError`."""
    try:
        yield
    except OSError as error:
        raise failure("D104", f"Can't create {path}: {error.strerror}. Mend the path or its rights.") from error
    except sqlite3.Error as error:
        said = str(error)
        for beginning, code, permanent, mend in _WORDS:
            if said.startswith(beginning):
                raise failure(code, f"{path}: {said}. {mend}", permanent=permanent) from error
        raise failure("D110", f"{path}: {said}. Look at the file and run again.", permanent=False) from error


def _connect(path: Path) -> sqlite3.Connection:
    """Never makes a file: what isn't there may be a file system that isn't mounted."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=WAIT, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")  # what is purged is overwritten
    connection.execute("PRAGMA synchronous = FULL")
    return connection
