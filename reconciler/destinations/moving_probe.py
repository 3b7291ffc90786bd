"""The probe of destinations that move files to their names: stages, publishes, reads back, lists and deletes one small file, and sees
that nothing is overwritten. A write-only connection shows the same small file every time, which stays: it can't be deleted."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import timedelta
from typing import Final

from reconciler.destinations.base import ProbeReport, Published
from reconciler.destinations.errors import failure
from reconciler.destinations.names import RESERVED
from reconciler.destinations.objects import STAGING, SUFFIX, Entry, ObjectStore
from reconciler.errors import DestinationError, ReconcilerError
from reconciler.values.staged import StagedFile

_NAME: Final = f"{RESERVED}probe-"
_STAYS: Final = f"{RESERVED}probe"
_WAITING: Final = f"{STAGING}probe-"
_BODY: Final = b"probe\n"
STALE: Final = timedelta(hours=1)
"""A probe takes seconds: what is this much older than ours, by the store's own clock, was left by one that was killed."""


def probe(store: ObjectStore, publish: Callable[[StagedFile], Published]) -> ProbeReport:
    """Tries what an export needs. Raises DestinationError that names what is missing."""
    token = secrets.token_hex(8)
    name = f"{_NAME}{token}"
    target = store.prefix + name
    waiting = [store.prefix + f"{_WAITING}{token}/{number}{SUFFIX}" for number in (1, 2)]
    try:
        publish(_staged(store, waiting[0], name, _BODY))
        if b"".join(store.read(target) or ()) != _BODY:
            raise failure("D110", f"{store.url(target)} was read back with another content.")
        if target not in [entry.key for entry in store.entries(target)]:
            raise failure("D110", f"{store.url(target)} isn't listed, so leftovers couldn't be found.")
        _refuse_overwriting(store, publish, _staged(store, waiting[1], name, b"another\n"))
        _sweep(store)
    finally:
        with suppress(ReconcilerError):
            for key in waiting:
                store.drop(key)
            store.remove([target])
    store.remove([target])  # said, if it isn't allowed
    return ProbeReport(("wrote", "read back", "removed a probe"))


def probe_unseen(store: ObjectStore, publish: Callable[[StagedFile], Published]) -> ProbeReport:
    """The same for a connection that may not look outside the staging folder."""
    token = secrets.token_hex(8)
    waiting = [store.prefix + f"{_WAITING}{token}/{number}{SUFFIX}" for number in (1, 2)]
    try:
        first = _staged(store, waiting[0], _STAYS, _BODY)
        try:
            publish(first)
        except DestinationError as error:
            if error.code != "D120":  # an earlier probe's
                raise
        _refuse_overwriting(store, publish, _staged(store, waiting[1], _STAYS, b"another\n"))
        _sweep_waiting(store)
    finally:
        with suppress(ReconcilerError):
            for key in waiting:
                store.drop(key)
    return ProbeReport(("wrote a probe that stays (write-only)",))


def _staged(store: ObjectStore, key: str, name: str, body: bytes) -> StagedFile:
    sink = store.stage(key, name, None)
    try:
        sink.write(body)
        return sink.finish(0)
    except ReconcilerError:
        sink.abort()
        raise


def _refuse_overwriting(store: ObjectStore, publish: Callable[[StagedFile], Published], file: StagedFile) -> None:
    """By the store itself, not by looking first."""
    assert file.at is not None
    if store.move(store.prefix + file.at, file, store.prefix + file.name, None) is None:
        raise failure("D107", f"{store.url(store.prefix)}: a file was overwritten although that was forbidden.")
    try:
        publish(file)
    except DestinationError as error:
        if error.code != "D120":
            raise
    else:
        raise failure("D107", f"{store.url(store.prefix)}: another file's name was given away.")


def _sweep(store: ObjectStore) -> None:
    """Removes what probes that were killed left; ours are the newest, more or less."""
    store.remove(_stale(store.entries(store.prefix + _NAME)))
    _sweep_waiting(store)


def _sweep_waiting(store: ObjectStore) -> None:
    for key in _stale(store.waiting(store.prefix + _WAITING)):
        store.drop(key)


def _stale(entries: Iterable[Entry]) -> list[str]:
    found = list(entries)
    newest = max((entry.modified for entry in found), default=None)
    return [entry.key for entry in found if newest is not None and newest - entry.modified >= STALE]
