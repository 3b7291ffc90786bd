"""A whole ledger as one file, and back into an empty one.

The file is JSON Lines: a header, one line a document, sorted, and an end that counts them and holds the SHA-256 of all before it, so that a
file that was cut short is found out. Snapshots, which are large and about people, are not in it. Documents are read and written one at a
time. Lineage, cursors and what decided runs staged are kept as they are; what can be swapped gets a fresh nonce, since no version may be
used twice under one key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

from reconciler.errors import Conflict, StoreError, UsageError
from reconciler.ledger import keys
from reconciler.ledger.check import References, checked
from reconciler.ledger.codec import encode
from reconciler.ledger.records import Document, FlowHead, ProjectRecord, RunRecord, StagedRecord
from reconciler.own_file import own_file
from reconciler.stores.base import PROBE
from reconciler.stores.ledger import Ledger
from reconciler.values.cursor import DiffCursor

FILE_FORMAT: Final = 1
_KIND: Final = "reconciler-ledger"
_SHOWN: Final = 20
_ORDER: Final = (keys.PROJECT, keys.FLOWS, keys.DESTINATIONS, keys.PINS, keys.STAGED, keys.RUNS, keys.ALERTS)
"""As documents are read: heads before what they name, so that whatever a runner does meanwhile, what they name was there."""

_NO_SNAPSHOT: Final = (
    "The ledger was restored from a backup, which holds no snapshots: nothing of before can be compared with."
)

# Saving -----------------------------------------------------------------------------------------------------------------


def save(ledger: Ledger, path: Path, *, replace: bool = False) -> int:
    """Writes a ledger to a file that only its owner may read, whole or not at all; returns how many documents. `replace`: also where a file
    has that name.

    Raises `Conflict` L151: there is no ledger; `StoreError` L118: documents are damaged or missing, all of them named; L119: the file
    can't be written; `UsageError` U115: it is there already.
    """
    project = ledger.read(ProjectRecord, keys.PROJECT)
    if project is None:
        raise Conflict("L151", "there is no ledger yet", f"There is nothing at {ledger.store.url} to back up.")
    if not replace and path.is_file():
        raise _taken(path)
    try:
        with own_file(path, replace=replace) as file:
            return _saved(ledger, project.document, file)
    except FileExistsError as error:
        raise _taken(path) from error
    except OSError as error:
        why = error.strerror or "unknown error"
        raise StoreError("L119", "the backup can't be written", f"{path}: {why}. Nothing was left there.") from error


def _taken(path: Path) -> UsageError:
    detail = f"{path} may be the only copy of what it holds, and was left as it is. Name another file, or write over it with --force."
    return UsageError("U115", "the backup's file is there already", detail)


def _saved(ledger: Ledger, project: ProjectRecord, file: IO[bytes]) -> int:
    lines = _Lines(file)
    lines.write({"kind": _KIND, "formatVersion": FILE_FORMAT, "lineage": project.lineage})
    documents = 0
    damaged: list[str] = []
    references = References()
    for key, document in _all(ledger, damaged):
        references.add(key, document)
        lines.write({"key": key, "document": document.to_json()})
        documents += 1
    if wrong := damaged + [f"{key} (missing)" for key in references.missing()]:
        raise StoreError(
            "L118",
            "the ledger can't be backed up whole",
            f"Damaged or missing: {_some(wrong)}. Nothing was written. Restore them from an earlier backup or the store's object "
            "versions.",
        )
    lines.write({"documents": documents, "sha256": lines.sha256()})
    return documents


def _all(ledger: Ledger, damaged: list[str]) -> Iterator[tuple[str, Document]]:
    """Every document that is whole; what isn't is named in `damaged`."""
    for prefix in _ORDER:
        for key, _ in ledger.store.list(prefix):
            stored = ledger.store.read(key)
            if stored is None:
                continue
            try:
                yield key, checked(key, stored.body)
            except StoreError as error:
                damaged.append(f"{key} ({error.summary})")
    others = (key for key, _ in ledger.store.list("") if not key.startswith((*_ORDER, PROBE)))
    damaged += [f"{key} (unknown)" for key in others]


class _Lines:
    """JSON Lines, hashed as they are written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    def write(self, data: dict[str, Any]) -> None:
        line = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        self._hash.update(line)
        self._file.write(line)

    def sha256(self) -> str:
        return self._hash.hexdigest()


# Restoring --------------------------------------------------------------------------------------------------------------


def project_of(path: Path) -> ProjectRecord:
    """The ledger's own document in a backup, once all of the file was checked. Raises `StoreError` L115, L116, OSError."""
    references = References()
    project: ProjectRecord | None = None
    for key, document in _read(path):
        references.add(key, document)
        if isinstance(document, ProjectRecord):
            project = document
    if missing := references.missing():
        raise _broken(f"it lacks {_some(missing)}")
    if project is None:
        raise _broken("it holds no project document")
    return project


def restore(ledger: Ledger, path: Path) -> int:
    """Writes a backup into an empty ledger, or goes on with an import that ended halfway; returns how many documents.

    The project comes last: until then nothing runs on the ledger. Raises `StoreError` L115, L116: the file isn't whole, or of a newer
    format; `Conflict` L117: the ledger holds something else. Then nothing was written.
    """
    project_of(path)
    there = {key for key, _ in ledger.store.list("") if not key.startswith(PROBE)}
    if there:
        _same(ledger, path, there)
    ledger.store.probe()
    written = 0
    for wanted in (("heads", False), ("heads", True), ("project", True)):
        for key, document in _read(path):
            if _stage_of(key) != wanted:
                continue
            if key not in there:
                ledger.create(key, _fresh(ledger, _without_snapshot(document)))
            written += 1
    return written


def _stage_of(key: str) -> tuple[str, bool]:
    """What heads name comes before them, and they before the project."""
    if key == keys.PROJECT:
        return "project", True
    return "heads", key.startswith(keys.FLOWS)


def _fresh(ledger: Ledger, document: Document) -> Document:
    """What is never swapped stays as it is: heads name it by the digest of its bytes."""
    if isinstance(document, RunRecord | StagedRecord):
        return document
    return document.model_copy(update={"nonce": ledger.nonce()})


def _without_snapshot(document: Document) -> Document:
    """Snapshots aren't in a backup, so that a flow that compares begins anew: said to whoever plans or looks at the status."""
    if isinstance(document, FlowHead) and isinstance(document.cursor, DiffCursor):
        return document.model_copy(update={"cursor": None, "rebuild": _NO_SNAPSHOT})
    return document


def _same(ledger: Ledger, path: Path, there: set[str]) -> None:
    """Raises `Conflict` L117 unless all that is there comes from this file."""
    strange = set(there)
    for key, document in _read(path):
        if key in there:
            stored = ledger.store.read(key)
            wanted = _without_snapshot(document)
            if stored is not None and _content(json.loads(stored.body)) == _content(json.loads(encode(wanted))):
                strange.discard(key)
    if strange:
        raise Conflict(
            "L117",
            "the ledger isn't empty",
            f"{ledger.store.url} holds what isn't in the backup: {_some(sorted(strange))}. Nothing was changed. A backup is restored "
            "into an empty ledger only: name another place in Project.spec.ledger, or move what is there away.",
        )


def _content(data: Any) -> Any:
    return {name: value for name, value in data.items() if name != "nonce"} if isinstance(data, dict) else data


def _read(path: Path) -> Iterator[tuple[str, Document]]:
    """The documents of a backup. Raises `StoreError` L115, L116 at the first thing that is wrong, at the latest at its end."""
    hashed = hashlib.sha256()
    documents, last = 0, (-1, "")
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            data = _parsed(line, number)
            if number == 1:
                _header(data)
            elif "documents" in data:
                if data != {"documents": documents, "sha256": hashed.hexdigest()} or file.read(1):
                    raise _broken("its end doesn't fit what comes before it")
                return
            else:
                key, document = _document(data, number)
                documents, before, last = documents + 1, last, _place(key)
                if last <= before:
                    raise _broken(f"line {number:,}, {key!r}, is out of order or there twice")
                yield key, document
            hashed.update(line)
    raise _broken("it was cut short")


def _parsed(line: bytes, number: int) -> dict[str, Any]:
    try:
        data = json.loads(line)
    except ValueError:
        data = None
    if not isinstance(data, dict) or not line.endswith(b"\n"):
        raise _broken(f"line {number:,} isn't whole")
    return data


def _header(data: dict[str, Any]) -> None:
    version = data.get("formatVersion")
    if data.get("kind") != _KIND or not isinstance(version, int):
        raise _broken("it doesn't begin as one")
    if version > FILE_FORMAT:
        raise StoreError(
            "L116",
            "the backup is from a newer version",
            f"It has format {version}; this version reads up to {FILE_FORMAT}. Upgrade reconciler; nothing was changed.",
        )


def _place(key: str) -> tuple[int, str]:
    """Where a document comes in a backup."""
    return next(number for number, prefix in enumerate(_ORDER) if key.startswith(prefix)), key


def _document(data: dict[str, Any], number: int) -> tuple[str, Document]:
    key = data.get("key")
    if not isinstance(key, str):
        raise _broken(f"line {number:,} has no key")
    try:
        return key, checked(key, json.dumps(data.get("document")).encode())
    except StoreError as error:
        raise _broken(f"line {number:,}, {key[:200]!r}: {error.summary}") from error


def _broken(what: str) -> StoreError:
    return StoreError(
        "L115",
        "the backup isn't whole",
        f"The file can't be restored: {what}. Nothing was changed. Take another backup.",
    )


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else "")
