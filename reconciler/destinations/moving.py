"""A destination in an object store: staged under a hidden key, published by moving it (`objects.py`).

A late runner finds nothing that waits, so that it can't bring back what was purged or replaced. After a lost answer both keys are looked
at, the waiting one first: what doesn't wait any more before its target is looked at has surely been moved, if it ever was.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from reconciler.destinations import moving_probe
from reconciler.destinations.base import OWNER_MARKER, Capabilities, FileSink, Found, ProbeReport, Published
from reconciler.destinations.errors import failure, gone, unknown
from reconciler.destinations.names import (
    MAX_NAME_BYTES,
    is_reserved,
    lineage_in,
    owner_document,
    refuse_other_owner,
    run_segment,
    segments,
)
from reconciler.destinations.objects import PAUSES, STAGING, SUFFIX, TAKEN, ObjectStore, Seen
from reconciler.errors import ReconcilerError
from reconciler.values.staged import Content, StagedFile

Sleep = Callable[[float], None]
_ROUNDS = 20
_ROUND_PAUSE = 0.1
_MARKER_LIMIT = 65_536


class MovingDestination:
    """One connection. `now` gives aware times. `readable`: whether it may look outside the staging folder; without it, moving must be one
    step of the store."""

    def __init__(
        self,
        store: ObjectStore,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Sleep = time.sleep,
        *,
        readable: bool = True,
    ) -> None:
        self._store, self._now, self._sleep, self._readable = store, now, sleep, readable

    @property
    def capabilities(self) -> Capabilities:
        """As `access` declares."""
        return Capabilities(readable=self._readable, deletable=self._readable)

    def location(self, name: str = "") -> str:
        """As the store writes it."""
        return self._store.url(self._store.prefix + name) if name else self._store.url(self._store.prefix).rstrip("/")

    def probe(self) -> ProbeReport:
        """See moving_probe.py."""
        return moving_probe.probe(self._store, self._publish, readable=self._readable)

    def lacking(self, known: str) -> list[str]:
        """See `Surveyed`."""
        return moving_probe.lacking(self._store, known, readable=self._readable)

    def owner(self) -> str | None:
        """The marker's lineage; None without a marker."""
        if not self._readable:
            return None
        found = self._store.read(self._raw(OWNER_MARKER))
        return None if found is None else lineage_in(b"".join(found)[:_MARKER_LIMIT], self.location())

    def claim_owner(self, lineage: str) -> None:
        """Creates the marker by a conditional write. On a write-only connection an existing marker is taken for ours: it can't be read."""
        for pause in PAUSES:
            wrote = self._store.create(self._raw(OWNER_MARKER), owner_document(lineage))
            if wrote or (wrote is False and not self._readable):
                return
            try:
                found = self.owner()
            except ReconcilerError as error:
                raise unknown(f"{self.location(OWNER_MARKER)} may have been written. {error.detail}") from error
            if found is not None:
                return refuse_other_owner(found, lineage, self.location())
            self._sleep(pause)
        raise unknown(f"{self.location(OWNER_MARKER)} may have been written; the store's answers were lost.")

    def stage(self, run_id: str, name: str, replaces: tuple[Content, ...] | None = None) -> FileSink:
        """A sink below the staging folder."""
        segments(name)
        if replaces is not None:
            self._needs_read_write()
        return self._store.stage(self._raw(f"{STAGING}{run_segment(run_id)}/{name}{SUFFIX}"), name, replaces)

    def publish(self, file: StagedFile) -> Published:
        """Moves the file to its name."""
        segments(file.name)
        return self._publish(file)

    def discard(self, run_id: str) -> int:
        """Drops what the run staged until nothing is listed: what was under way can outlive one round."""
        prefix = self._raw(f"{STAGING}{run_segment(run_id)}/")
        dropped: set[str] = set()
        for attempt in range(_ROUNDS):
            if attempt > 1:
                self._sleep(_ROUND_PAUSE)
            found = [entry.key for entry in self._store.waiting(prefix)]
            if not found:
                self._store.tidy(prefix)
                return len(dropped)
            for key in found:
                self._store.drop(key)
                dropped.add(key)
        raise failure("D123", f"{self.location()}: files of run {run_id} are still listed.", permanent=False)

    def staged(self, run_id: str | None = None) -> Iterator[str]:
        """Final names of what waits."""
        base = self._raw(STAGING)
        for entry in self._store.waiting(base if run_id is None else f"{base}{run_segment(run_id)}/"):
            yield entry.key.removeprefix(base).partition("/")[2].removesuffix(SUFFIX)

    def list(self, prefix: str = "") -> Iterator[Found]:
        """Objects by key."""
        self._needs_read_write()
        entries = [
            (entry.key.removeprefix(self._store.prefix), entry.size)
            for entry in self._store.entries(self._store.prefix + prefix)
        ]
        return iter([Found(name, size) for name, size in sorted(entries) if not is_reserved(name)])

    def read(self, name: str) -> Iterator[bytes]:
        """The object in chunks."""
        self._needs_read_write()
        found = self._store.read(self._key(name))
        if found is None:
            raise failure("D131", f"{self.location(name)} isn't there.")
        return found

    def delete(self, names: Iterable[str]) -> None:
        """Removes objects."""
        self._needs_read_write()
        self._store.remove(map(self._key, names))

    def _publish(self, file: StagedFile) -> Published:
        if file.at is None:
            raise failure("D109", f"The token of {file.name!r} doesn't say where the file waits.")
        source, target = self._raw(file.at), self._raw(file.name)
        step = self._step if self._readable else self._step_unseen
        why = ""
        for pause in (0.0, *PAUSES):
            if pause:
                self._sleep(pause)
            found = step(file, source, target, why)
            if isinstance(found, Published):
                return found
            why = found
        raise failure("D105", f"{self.location(file.name)} isn't published yet ({why}). Run again.", permanent=False)

    def _step(self, file: StagedFile, source: str, target: str, why: str) -> Published | str:
        """Looks, and moves the file if it should be moved. Why it isn't certain what became of it, if it isn't; `why`: of the last step."""
        with self._looking(file, why):
            waits = self._store.waits(source, file)
            there = self._store.look(target)
            ours = there is not None and self._same(target, there, file)
            given = there is None or any(self._same(target, there, each) for each in file.replaces or ())
            waits_still = waits and (given or self._store.waits(source, file))
        if ours:
            self._store.settle(source, file, target)
            return Published.ALREADY
        if not given and (waits_still or file.replaces is None):
            if waits and not waits_still:
                return why  # it was given its name while this looked
            raise failure("D120", f"{self.location(file.name)} holds something else than this export.")
        if not waits_still:
            return gone(file, self.location(file.name), self._now())
        return self._moved(file, source, target, there)

    def _step_unseen(self, file: StagedFile, source: str, target: str, why: str) -> Published | str:
        """The same by what waits alone: once it doesn't, it was given its name, by whomever."""
        with self._looking(file, why):
            waits = self._store.waits(source, file)
        if not waits:
            gone(file, self.location(file.name), self._now())
            self._store.settle(source, file, target)
            return Published.ALREADY
        answer = self._moved(file, source, target, None)
        if answer == TAKEN and self._store.waits(source, file):
            raise failure("D120", f"{self.location(file.name)} exists, and this export still waits.")
        return answer

    def _moved(self, file: StagedFile, source: str, target: str, over: Seen | None) -> Published | str:
        answer = self._store.move(source, file, target, over)
        if answer is not None:
            return answer
        self._store.settle(source, file, target)
        return Published.DONE

    @contextmanager
    def _looking(self, file: StagedFile, why: str) -> Iterator[None]:
        """What can't be looked at after a move whose outcome isn't certain is unknown."""
        try:
            yield
        except ReconcilerError as error:
            if why:
                raise unknown(f"{self.location(file.name)}: {why}, and looking: {error.detail}") from error
            raise

    def _needs_read_write(self) -> None:
        if not self._readable:
            raise failure("D114", f"{self.location()} is declared access: write-only.")

    def _same(self, key: str, there: Seen, content: StagedFile | Content) -> bool:
        """By size and digest: what is kept with the object, or its bytes'."""
        if there.size != content.size:
            return False
        if there.sha256:
            return there.sha256 == content.sha256
        digest = hashlib.sha256()
        for chunk in self._store.read(key) or ():
            digest.update(chunk)
        return digest.hexdigest() == content.sha256

    def _key(self, name: str) -> str:
        """Raises DestinationError D109."""
        segments(name)
        return self._raw(name)

    def _raw(self, name: str) -> str:
        key = self._store.prefix + name
        if len(key.encode()) > MAX_NAME_BYTES:
            raise failure("D109", f"The key {key[:80]!r}… is longer than {MAX_NAME_BYTES} bytes.")
        return key
