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
from reconciler.destinations.lacking import Survey
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


def probe(store: ObjectStore, publish: Callable[[StagedFile], Published], *, readable: bool) -> ProbeReport:
    """Tries what an export needs. Raises DestinationError that names what is missing. `readable`: whether it may look outside the staging
    folder, and delete there."""
    token = secrets.token_hex(8)
    name = f"{_NAME}{token}" if readable else _STAYS
    target = store.prefix + name
    waiting = [store.prefix + f"{_WAITING}{token}/{number}{SUFFIX}" for number in (1, 2)]
    if readable:
        store.remove([target])  # where that isn't allowed, nothing is there yet that would stay
    try:
        try:
            publish(_staged(store, waiting[0], name, _BODY))
        except DestinationError as error:
            if readable or error.code != "D120":  # else it is there already, from an earlier probe
                raise
        if readable:
            _look(store, target)
        _refuse_overwriting(store, publish, _staged(store, waiting[1], name, b"another\n"))
        _sweep(store, readable)
    finally:
        with suppress(ReconcilerError):
            for key in waiting:
                store.drop(key)
            if readable:
                store.remove([target])
    if not readable:
        return ProbeReport(("wrote a probe that stays (write-only)",))
    store.remove([target])  # said, if it isn't allowed
    return ProbeReport(("wrote", "read back", "removed a probe"))


def lacking(store: ObjectStore, known: str, *, readable: bool) -> list[str]:
    """See `Surveyed`: what is staged gets no name, and nothing is staged where it is known that it would stay; moving is tried with what
    isn't there."""
    survey, token = Survey(), secrets.token_hex(8)
    target = store.prefix + f"{_NAME}{token}"
    waiting, absent = (store.prefix + f"{_WAITING}{token}/{each}{SUFFIX}" for each in ("1", "2"))
    nothing = StagedFile(name=target.removeprefix(store.prefix), staged="1", rows=0, size=len(_BODY), sha256="0" * 64)
    stays = "delete" in known
    survey.tries(lambda: store.ask(absent) if stays else _staged(store, waiting, nothing.name, _BODY))
    survey.tries(lambda: store.look(waiting))
    survey.tries(lambda: list(store.waiting(store.prefix + _WAITING)))
    survey.tries(lambda: store.move(absent, nothing, target, None))
    if not stays:
        survey.tries(lambda: store.drop(waiting))
    if readable:
        survey.tries(lambda: store.remove([target]))
    return survey.lacks


def _look(store: ObjectStore, target: str) -> None:
    if b"".join(store.read(target) or ()) != _BODY:
        raise failure("D110", f"{store.url(target)} was read back with another content.")
    if target not in [entry.key for entry in store.entries(target)]:
        raise failure("D110", f"{store.url(target)} isn't listed, so leftovers couldn't be found.")


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


def _sweep(store: ObjectStore, readable: bool) -> None:
    """Removes what probes that were killed left; ours are the newest, more or less."""
    if readable:
        store.remove(_stale(store.entries(store.prefix + _NAME)))
    for key in _stale(store.waiting(store.prefix + _WAITING)):
        store.drop(key)


def _stale(entries: Iterable[Entry]) -> list[str]:
    found = list(entries)
    newest = max((entry.modified for entry in found), default=None)
    return [entry.key for entry in found if newest is not None and newest - entry.modified >= STALE]
