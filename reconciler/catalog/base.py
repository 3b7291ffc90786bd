"""What a destination type declares about itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from pydantic import Field

from reconciler.values.base import Value

DataType = Literal["prospects", "customers", "datasets"]
FormatName = Literal["parquet", "json", "csv"]
Capability = Literal["read", "delete"]
Access = Annotated[
    Literal["read-write", "write-only"], Field(description="write-only: no read-back, no verify, no purge.")
]
AlertEvent = Literal[
    "run-started",
    "run-succeeded",
    "run-failed",
    "run-delayed",
    "run-held",
    "excluded-rate-exceeded",
    "row-count-unusual",
    "destination-unreachable",
    "suppression-stale",
    "recovered",
]
ALERT_EVENTS: tuple[AlertEvent, ...] = get_args(AlertEvent)


@dataclass(frozen=True, slots=True)
class Folder:
    """Where a connection's files go. `store` tells file systems, servers, buckets and containers apart; `LOCAL_STORE` is this machine's
    file system. `path`: the folder there, as it is written. `key`: the key of `connection` that says it."""

    store: tuple[str, ...]
    path: str
    key: str = "path"


LOCAL_STORE: tuple[str, ...] = ("file",)


class Connection(Value):
    """The base of every type's `spec.connection`: its fields are the type's parameters."""

    def url(self) -> str:
        """Where files go, for people: `s3://bucket/path`, `/folder`. Never with credentials."""
        raise NotImplementedError

    def folder(self, realm: str) -> Folder:
        """Where files go, to be compared: the same folder is the same place. `realm`: the account's, see `AccountSpec.realm`."""
        raise NotImplementedError

    @property
    def deletes(self) -> bool:
        """Whether this connection may delete and replace what it wrote, if its type can."""
        return True


@dataclass(frozen=True, slots=True)
class DestinationType:
    """One type.

    `summary`: one sentence for people. `delivery`: `atomic` types show a file whole or not at all, once; `at-least-once` types may
    repeat a batch. `connection`: the model of `spec.connection`. `opens`: `module:function`, called with the connection and an
    `Opening` (`reconciler/destinations/opening.py`) and imported when a destination is first used. `accounts`: the types of account that
    it authenticates with; none: it takes no account. `extra`: the extra of this package that must be installed to use it, or None.
    `capabilities`: what its connections can do, as far as each is allowed to. `alerts`: the events that a destination of it can tell of.
    """

    name: str
    title: str
    summary: str
    category: Literal["file-based", "streaming"]
    delivery: Literal["atomic", "at-least-once"]
    accepts: tuple[DataType, ...]
    formats: tuple[FormatName, ...]
    connection: type[Connection]
    opens: str
    accounts: tuple[str, ...] = ()
    extra: str | None = None
    capabilities: tuple[Capability, ...] = ("read", "delete")
    alerts: tuple[AlertEvent, ...] = ALERT_EVENTS
