"""`Destination`: a connection that exports go to."""

from __future__ import annotations

import datetime as dt
import re
from functools import cache
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import ConfigDict, Field, ValidationError, ValidationInfo, create_model
from pydantic_core import PydanticCustomError

from reconciler.catalog.base import Connection, DataType, DestinationType, Folder
from reconciler.catalog.plugins import PluginError, find
from reconciler.catalog.types import TYPES
from reconciler.resources.alert import DestinationAlert
from reconciler.resources.encryption import PgpEncryption
from reconciler.resources.formats import Files, Format, ParquetFormat
from reconciler.resources.metadata import Name
from reconciler.resources.schedule import Day
from reconciler.values.base import Value
from reconciler.values.variants import Variants


class Recipient(Value):
    """A third party: columns must be explicit, and so must the backfill. Nothing leaves to it after the day `until`, which ends at
    midnight UTC."""

    name: Annotated[
        str,
        Field(min_length=1, max_length=200, description="Who it is: all destinations of one name are judged together."),
    ]
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2.")]
    agreement: (
        Annotated[str, Field(min_length=1, max_length=200, description="The contract's number, for people.")] | None
    ) = None
    until: Annotated[Day, Field(description="The agreement's last day, YYYY-MM-DD.")] | None = None

    def ended(self, now: dt.datetime) -> bool:
        """Whether its last day is over at a moment (aware)."""
        return self.until is not None and now.astimezone(dt.UTC).date() > self.until


class DestinationSpec(Value):
    """A destination's `spec`. Each type has a model of its own (`spec_model`), with its `connection`, and `account` where it takes one."""

    about: ClassVar[DestinationType]
    accepts: (
        Annotated[tuple[DataType, ...], Field(min_length=1, description="Else all that the type supports.")] | None
    ) = None
    recipient: Recipient | None = None
    format: Format = ParquetFormat(type="parquet")
    files: Files = Files()
    marketing_actions: Annotated[
        tuple[Name, ...], Field(description="What it is used for: policies are judged by that.")
    ] = ()
    alerts: tuple[DestinationAlert, ...] = ()
    encryption: Annotated[PgpEncryption | None, Field(description="Of each file, before it leaves.")] = None
    type: str
    connection: Connection

    @property
    def takes(self) -> tuple[DataType, ...]:
        """The data types that it accepts."""
        return self.accepts or self.about.accepts

    @property
    def account_name(self) -> str | None:
        """The account that it names; None where its type takes none."""
        name: str | None = getattr(self, "account", None)
        return name

    @property
    def deletes(self) -> bool:
        """Whether what was exported can be deleted and replaced there."""
        return "delete" in self.about.capabilities and self.connection.deletes


class MissingConnection(Connection):
    """The connection of a type that isn't installed: kept as the ledger has it, so that all else can go on."""

    model_config = ConfigDict(extra="allow")

    def url(self) -> str:
        """Nothing can be told of it."""
        return "(its destination type isn't installed)"

    def folder(self, realm: str) -> Folder:
        """The same only where all is the same."""
        return Folder(("?", realm), self.model_dump_json(by_alias=True))


CONFIGURATION: Final = {"configuration": True}
"""The context in which documents of the configuration are validated: the types that they name are there, and nothing is read over."""


@cache
def spec_model(about: DestinationType) -> type[DestinationSpec]:
    """The model of the `spec` of a type."""
    fields: dict[str, Any] = {"type": (Literal[about.name], ...)}
    if about.connection is MissingConnection:
        fields["account"] = (Name | None, None)
    elif about.accounts:
        fields["account"] = (Name, ...)
    fields["connection"] = (about.connection, ...)
    camel = "".join(part[:1].upper() + part[1:] for part in re.split("[-_]", about.name))
    model: type[DestinationSpec] = create_model(
        f"{camel}DestinationSpec", __base__=DestinationSpec, __module__=__name__, __doc__=about.summary, **fields
    )
    model.about = about
    return model


def _of_a_plugin(value: Any, info: ValidationInfo) -> DestinationSpec:
    """The spec of a type that isn't a built-in one."""
    if isinstance(value, DestinationSpec):
        return value
    name = value.get("type") if isinstance(value, dict) else None
    if not isinstance(name, str) or name in TYPES:
        raise PydanticCustomError("destination", "This isn't a destination.")
    if info.context == CONFIGURATION:
        about = find(name)
        if about is None:
            raise PydanticCustomError("destination_type", "There is no such destination type.")
        return spec_model(about).model_validate(value)
    try:
        about = find(name)
        why = "No package that is installed adds it."
        if about is not None:
            return spec_model(about).model_validate(value)
    except PluginError as error:
        why = error.detail
    except ValidationError:
        why = "The version that is installed doesn't read the connection as it was applied."
    return spec_model(_missing(name, why)).model_validate(value)


def _missing(name: str, why: str) -> DestinationType:
    """What stands for a type that isn't there. `why`: its summary."""
    return DestinationType(
        name=name,
        title=name,
        summary=why,
        category="file-based",
        delivery="atomic",
        accepts=("prospects", "customers", "datasets"),
        formats=("parquet", "json", "csv"),
        connection=MissingConnection,
        opens="",
    )


AnyDestination = Annotated[
    DestinationSpec, Variants("type", {name: spec_model(about) for name, about in TYPES.items()}, _of_a_plugin)
]
"""A destination of any type, as documents and the ledger hold it."""
