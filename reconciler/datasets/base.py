"""The port to a dataset's files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from reconciler.values.pin import Pin, PinnedFile, TableState


class History(Protocol):
    """What happened to a table up to the listed state."""

    def added(self, since: TableState | datetime, expired: datetime | None = None) -> tuple[PinnedFile, ...]:
        """Files with rows that came after a state, or at or after a time (aware UTC), in the order they came.

        What was written until `expired` may have been deleted: its rows had all expired. Rewriting without a change of rows
        (compaction) adds nothing. Raises `SourceError`: F132 rows were changed or deleted since, F133 the table doesn't tell any
        more, F134 it isn't the same table.
        """
        ...

    def whole(self, state: TableState) -> tuple[PinnedFile, ...]:
        """The data files of an earlier state, in the order they came; some may be gone by now. Raises `SourceError` F131, F133, F134."""
        ...

    def changed_at(self) -> datetime | None:
        """When rows were last added, changed or deleted; None where the table doesn't tell any more."""
        ...


@dataclass(frozen=True, slots=True)
class Listing:
    """What a dataset holds at one moment.

    `pin`: the settled data files. `unsettled`: names of younger files that wait. `modified`: when each pinned path
    was last modified, aware UTC (`backfill: {from: …}` needs it; it isn't part of a pin). `history`: of a table.
    """

    pin: Pin
    unsettled: tuple[str, ...] = ()
    modified: Mapping[str, datetime] = field(default_factory=dict)
    history: History | None = None


def _none() -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Numbered:
    """How files know a column whatever its name was then: by `number`. `names`: in files without numbers. `inside`: fields of structs."""

    number: int
    names: tuple[str, ...] = ()
    inside: Mapping[str, Numbered] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Access:
    """How an engine reads the files: `uri(path)` gives absolute paths or `s3://` URIs.

    Holds secrets: never logged, never serialised. `columns`: of Apache Iceberg, where names in files don't count; None: names do.
    """

    root: str
    settings: Callable[[], Mapping[str, str]] = field(default=_none, repr=False)
    columns: Mapping[str, Numbered] | None = None

    @property
    def s3(self) -> Mapping[str, str]:
        """The engine-neutral S3 settings, as of now; empty for local data.

        Keys `access_key_id`, `secret_access_key`, `session_token`, `region`, `endpoint_url`. Credentials that end are
        renewed in time: ask for each file or part anew, and never keep them for longer than minutes.
        """
        return self.settings()

    def uri(self, path: str) -> str:
        """The absolute location of a pinned path."""
        return f"{self.root.rstrip('/')}/{path}" if path else self.root


class Files(Protocol):
    """A dataset's files, local or in an object store."""

    def listing(self, now: datetime) -> Listing:
        """All data files (`_*` and `.*` names and folders are no data).

        Raises `SourceError` where the location is missing.
        """
        ...

    def changed(self, files: Iterable[PinnedFile]) -> tuple[str, ...]:
        """Paths whose file is gone or no longer what was pinned.

        Looked up one by one, or by listing, whichever is cheaper.
        """
        ...

    def access(self) -> Access:
        """For the engine."""
        ...

    def columns(self) -> Mapping[str, frozenset[str]] | None:
        """All columns of a table, with their types, as last listed; None: each file has its own."""
        ...
