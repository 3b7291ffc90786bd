"""The port to an archive. What waits is in tables that `sqlite3 -A` doesn't read; publishing is one transaction."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reconciler.destinations.base import Capabilities, Found, ProbeReport, Published
from reconciler.destinations.errors import failure, gone
from reconciler.destinations.names import lineage_in, owner_document, refuse_other_owner, run_segment, segments
from reconciler.destinations.opening import Opening
from reconciler.errors import DestinationError
from reconciler.values.staged import Content, StagedFile
from reconciler_sqlar.database import create, reading, writing
from reconciler_sqlar.declared import SqlarConnection

CHUNK = 1 << 20
LARGEST = 1_000_000_000
"""Bytes of a file: SQLite's own limit for one value."""
_FILE = 0o100640


def open_sqlar(connection: SqlarConnection, opening: Opening) -> SqlarDestination:
    """What `declared.py` names."""
    return SqlarDestination(opening.folder(connection.path))


class SqlarDestination:
    """One archive. A connection to the database is opened for each step, so that threads and processes may share it."""

    def __init__(self, path: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._path = path
        self._now = now

    @property
    def capabilities(self) -> Capabilities:
        """All: who may write a database may read it."""
        return Capabilities(readable=True, deletable=True)

    def location(self, name: str = "") -> str:
        """The archive's path, and the name in it."""
        return f"{self._path}/{name}" if name else str(self._path)

    def probe(self) -> ProbeReport:
        """Writes a row, reads it back and rolls both back."""
        create(self._path)
        token = secrets.token_bytes(8)
        with suppress(_Undo), writing(self._path) as archive:
            _insert(archive, f".reconciler-probe-{token.hex()}", [token], len(token))
            (found,) = archive.execute("SELECT data FROM sqlar WHERE data = ?", [token]).fetchone()
            if found != token:
                raise failure("D110", f"{self._path}: a probe was read back with another content.")
            raise _Undo
        return ProbeReport(("wrote", "read back", "removed a probe"))

    def owner(self) -> str | None:
        """The marker's lineage."""
        with reading(self._path) as archive:
            found = archive.execute("SELECT marker FROM reconciler_owner").fetchone()
        return lineage_in(found[0], str(self._path)) if found else None

    def claim_owner(self, lineage: str) -> None:
        """Creates the marker, if there is none."""
        create(self._path)
        with writing(self._path) as archive:
            archive.execute("INSERT OR IGNORE INTO reconciler_owner VALUES (1, ?)", [owner_document(lineage)])
            (marker,) = archive.execute("SELECT marker FROM reconciler_owner").fetchone()
        refuse_other_owner(lineage_in(marker, str(self._path)), lineage, str(self._path))

    def stage(self, run_id: str, name: str, replaces: tuple[Content, ...] | None = None) -> SqlarSink:
        """A sink whose chunks are rows that no reader looks at."""
        segments(name)
        run_segment(run_id)
        return SqlarSink(self._path, run_id, name, replaces)

    def publish(self, file: StagedFile) -> Published:
        """Moves the file's chunks to its name, in one transaction."""
        segments(file.name)
        with writing(self._path) as archive:
            staged = archive.execute("SELECT id FROM reconciler_staged WHERE id = ?", [_id(file)]).fetchone()
            there = _content(archive, file.name)
            mine = Content(size=file.size, sha256=file.sha256)
            if staged is None:
                return self._consumed(file, there, mine)
            outcome = Published.DONE
            if there is None:
                _insert(archive, file.name, _chunks(archive, _id(file)), file.size)
            elif there in (file.replaces or ()):
                archive.execute("DELETE FROM sqlar WHERE name = ?", [file.name])
                _insert(archive, file.name, _chunks(archive, _id(file)), file.size)
            elif there == mine:
                outcome = Published.ALREADY
            else:
                raise self._other(file)
            archive.execute("DELETE FROM reconciler_staged WHERE id = ?", [_id(file)])
            return outcome

    def discard(self, run_id: str) -> int:
        """Removes what waits for a run. Who still writes it finds out with the next chunk."""
        run_segment(run_id)
        with writing(self._path) as archive:
            return archive.execute("DELETE FROM reconciler_staged WHERE run_id = ?", [run_id]).rowcount

    def staged(self, run_id: str | None = None) -> Iterator[str]:
        """Names of what waits."""
        with reading(self._path) as archive:
            query = "SELECT name FROM reconciler_staged WHERE ?1 IS NULL OR run_id = ?1 ORDER BY name"
            found = archive.execute(query, [run_id]).fetchall()
        return (name for (name,) in found)

    def list(self, prefix: str = "") -> Iterator[Found]:
        """Rows whose names begin with the prefix. Small, since an archive is: all at once, as it is at one moment."""
        with reading(self._path) as archive:
            query = "SELECT name, sz FROM sqlar WHERE substr(name, 1, length(?1)) = ?1 ORDER BY name"
            found = archive.execute(query, [prefix]).fetchall()
        return (Found(name, size) for name, size in found)

    def read(self, name: str) -> Iterator[bytes]:
        """The file in chunks of 1 MiB."""
        segments(name)
        with reading(self._path) as archive:
            row = archive.execute("SELECT rowid FROM sqlar WHERE name = ?", [name]).fetchone()
            if row is None:
                raise failure("D131", f"{self.location(name)} isn't there.")
            yield from _blob(archive, row[0])

    def delete(self, names: Iterable[str]) -> None:
        """Removes rows; SQLite overwrites what they held."""
        listed = [name for name in names if segments(name)]
        with writing(self._path) as archive:
            archive.executemany("DELETE FROM sqlar WHERE name = ?", [[name] for name in listed])

    def _consumed(self, file: StagedFile, there: Content | None, mine: Content) -> Published:
        if there == mine:
            return Published.ALREADY
        if there is None or file.replaces is not None:
            return gone(file, self.location(file.name), self._now())
        raise self._other(file)

    def _other(self, file: StagedFile) -> DestinationError:
        return failure("D120", f"{self.location(file.name)} holds something else than this export.")


class SqlarSink:
    """One file being staged: a chunk of 1 MiB at a time is written and durable."""

    def __init__(self, path: Path, run_id: str, name: str, replaces: tuple[Content, ...] | None) -> None:
        self._path, self._name, self._replaces = path, name, replaces
        self._buffer = bytearray()
        self._hash, self._size, self._number = hashlib.sha256(), 0, 0
        with writing(path) as archive:
            query = "INSERT OR IGNORE INTO reconciler_staged (run_id, name) VALUES (?, ?)"
            made = archive.execute(query, [run_id, name])
            if not made.rowcount:
                raise failure("D120", f"{path}/{name} waits there already: two files of one run have the same name.")
            self._id = made.lastrowid

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        """Appends."""
        view = memoryview(data).cast("B")
        self._buffer += view
        self._hash.update(view)
        self._size += view.nbytes
        while len(self._buffer) >= CHUNK:
            self._store(bytes(self._buffer[:CHUNK]))
            del self._buffer[:CHUNK]
        return view.nbytes

    def finish(self, rows: int) -> StagedFile:
        """Stores the last chunk, also if it is empty: it finds out whether the file was discarded meanwhile."""
        self._store(bytes(self._buffer))
        return StagedFile(
            name=self._name,
            staged=str(self._id),
            rows=rows,
            size=self._size,
            sha256=self._hash.hexdigest(),
            replaces=self._replaces,
        )

    def abort(self) -> None:
        """Removes what was stored."""
        with suppress(DestinationError), writing(self._path) as archive:
            archive.execute("DELETE FROM reconciler_staged WHERE id = ?", [self._id])

    def _store(self, chunk: bytes) -> None:
        if self._size > LARGEST:
            raise failure("D106", f"{self._path}/{self._name} is larger than 1 GB: set files.maxBytes.")
        with writing(self._path) as archive:
            query = "INSERT INTO reconciler_chunks SELECT id, ?, ? FROM reconciler_staged WHERE id = ?"
            if not archive.execute(query, [self._number, chunk, self._id]).rowcount:
                raise failure("D121", f"{self._path}/{self._name} was removed while it was written.")
        self._number += 1


class _Undo(Exception):
    """Ends a transaction without committing it."""


def _id(file: StagedFile) -> int:
    """The staged row."""
    try:
        return int(file.staged)
    except ValueError:
        raise failure("D109", f"{file.staged!r} isn't what this type stages.") from None


def _chunks(archive: sqlite3.Connection, staged: int) -> Iterator[bytes]:
    query = "SELECT data FROM reconciler_chunks WHERE staged = ? ORDER BY number"
    for (data,) in archive.execute(query, [staged]):
        yield data


def _insert(archive: sqlite3.Connection, name: str, chunks: Iterable[bytes], size: int) -> None:
    """A row of the archive, uncompressed, as its format says: `sz` is then the length of `data`."""
    query = "INSERT INTO sqlar VALUES (?, ?, ?, ?, zeroblob(?))"
    row = archive.execute(query, [name, _FILE, int(time.time()), size, size]).lastrowid
    if row is None or not size:
        return
    with archive.blobopen("sqlar", "data", row) as blob:
        for chunk in chunks:
            blob.write(chunk)


def _content(archive: sqlite3.Connection, name: str) -> Content | None:
    """What has a name."""
    row = archive.execute("SELECT rowid, sz FROM sqlar WHERE name = ?", [name]).fetchone()
    if row is None:
        return None
    digest: Any = hashlib.sha256()
    for chunk in _blob(archive, row[0]):
        digest.update(chunk)
    return Content(size=row[1], sha256=digest.hexdigest())


def _blob(archive: sqlite3.Connection, row: int) -> Iterator[bytes]:
    with archive.blobopen("sqlar", "data", row, readonly=True) as blob:
        while chunk := blob.read(CHUNK):
            yield chunk
