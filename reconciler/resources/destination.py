"""`Destination`: a connection that exports go to."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field

from reconciler.catalog.base import DataType
from reconciler.catalog.local import LocalConnection
from reconciler.catalog.s3 import S3Connection
from reconciler.resources.formats import Files, Format, ParquetFormat
from reconciler.resources.metadata import Name
from reconciler.resources.schedule import Day
from reconciler.values.base import Value


class Recipient(Value):
    """A third party: columns must be explicit, and so must the backfill. Nothing leaves to it after the day `until`, which ends at
    midnight UTC."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2.")]
    agreement: (
        Annotated[str, Field(min_length=1, max_length=200, description="The contract's number, for people.")] | None
    ) = None
    until: Annotated[Day, Field(description="The agreement's last day, YYYY-MM-DD.")] | None = None

    def ended(self, now: dt.datetime) -> bool:
        """Whether its last day is over at a moment (aware)."""
        return self.until is not None and now.astimezone(dt.UTC).date() > self.until


class _Common(Value):
    accepts: (
        Annotated[tuple[DataType, ...], Field(min_length=1, description="Else all that the type supports.")] | None
    ) = None
    recipient: Recipient | None = None
    format: Format = ParquetFormat(type="parquet")
    files: Files = Files()
    marketing_actions: tuple[Name, ...] = ()


class LocalDestinationSpec(_Common):
    """A folder."""

    type: Literal["local"]
    connection: LocalConnection


class S3DestinationSpec(_Common):
    """A folder of a bucket."""

    type: Literal["s3"]
    account: Name
    connection: S3Connection


DestinationSpec = Annotated[LocalDestinationSpec | S3DestinationSpec, Field(discriminator="type")]
