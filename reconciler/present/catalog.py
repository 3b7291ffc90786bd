"""The catalog of destination types: for machines, with a published schema, and for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Literal

from pydantic import Field

from reconciler.catalog.base import ALERT_EVENTS, AlertEvent, Capability, DataType, DestinationType, FormatName
from reconciler.catalog.control import Control
from reconciler.catalog.plugins import installed
from reconciler.catalog.types import TYPES
from reconciler.config import fields
from reconciler.config.schemas import Schema, of_output
from reconciler.values.base import Value

_READABLE = 60
"""Characters of a pattern that says more to people than its description; JSON has them all."""


class Parameter(Value):
    """One field. `name`: dotted below `connection`, or an account's `spec`. `value`: what goes there, for people. `pattern` of a list: of
    each item. `when`: the choice that it belongs to, or nothing."""

    name: str
    required: bool
    secret: bool
    value: str
    pattern: str
    when: str
    description: str
    default: str | bool | int | float | None = None


class ListedConnection(Value):
    """A destination of the type. `applied` is there with --applied."""

    name: str
    accepts: tuple[DataType, ...]
    control: Control
    declared: bool
    applied: bool | None = None


class ListedType(Value):
    """A destination type. `package`: what adds it, if it isn't a built-in one. `extra`: of this package, to be installed for it.

    `control` and `connections` are left out where the project isn't valid. `accountFields`: by type of account.
    """

    name: str
    title: str
    summary: str
    package: str | None = None
    category: Literal["file-based", "streaming"]
    delivery: Literal["atomic", "at-least-once"]
    accepts: tuple[DataType, ...]
    formats: tuple[FormatName, ...]
    alerts: tuple[AlertEvent, ...]
    capabilities: tuple[Capability, ...]
    control: Control | None = None
    connections: tuple[ListedConnection, ...] | None = None
    accounts: tuple[str, ...]
    extra: str | None = None
    connection: tuple[Parameter, ...]
    account_fields: dict[str, tuple[Parameter, ...]]


class CatalogOutput(Value):
    """What `catalog --format json` prints."""

    version: Annotated[Literal[1], Field(description="Of this form.")] = 1
    types: tuple[ListedType, ...]


def catalog_schema() -> Schema:
    """JSON Schema 2020-12 of what `catalog --format json` prints."""
    return of_output(CatalogOutput, "Catalog", "What `reconcile catalog --format json` prints.")


def listed(of: DestinationType, control: Control | None, connections: Iterable[ListedConnection] | None) -> ListedType:
    """A type as it is shown. Raises `PluginError`: a plug-in's connection has no schema."""
    plugin = None if of.name in TYPES else installed().get(of.name)
    return ListedType(
        name=of.name,
        title=of.title,
        summary=of.summary,
        package=plugin.package if plugin else None,
        category=of.category,
        delivery=of.delivery,
        accepts=of.accepts,
        formats=of.formats,
        alerts=of.alerts,
        capabilities=of.capabilities,
        control=control,
        connections=None if connections is None else tuple(connections),
        accounts=of.accounts,
        extra=of.extra,
        connection=tuple(map(_parameter, fields.connection_fields(of))),
        account_fields={kind: tuple(map(_parameter, fields.account_fields(kind))) for kind in of.accounts},
    )


def as_text(types: Sequence[ListedType], *, full: bool) -> str:
    """A paragraph for each type. `full`: with patterns and the account's parameters."""
    return "\n\n".join("\n".join(_lines(each, full)) for each in types)


def _parameter(field: fields.Field) -> Parameter:
    default = field.default if isinstance(field.default, str | bool | int | float) and field.default != "" else None
    return Parameter(
        name=field.path,
        required=field.required,
        secret=field.secret,
        value=field.value,
        pattern=field.pattern,
        when=field.when,
        description=field.about,
        default=default,
    )


def _lines(of: ListedType, full: bool) -> Iterator[str]:
    yield f"{of.name}  {of.title}"
    yield f"  {of.summary}"
    if of.package:
        yield f"  package      {of.package}"
    yield f"  category     {of.category}, {of.delivery} delivery"
    yield f"  accepts      {', '.join(of.accepts)}"
    yield f"  formats      {', '.join(of.formats)}"
    every = len(of.alerts) == len(ALERT_EVENTS) and not full
    yield f"  alerts       {'all events' if every else ', '.join(of.alerts) or 'none'}"
    yield f"  account      {' or '.join(of.accounts) or 'none'}"
    if of.extra:
        yield f"  install      pip install 'reconciler[{of.extra}]'"
    if of.control is not None:
        yield f"  control      {of.control}"
    if of.connections:
        yield "  connections  " + ", ".join(_connection(each, of.control) for each in of.connections)
    yield "  connection"
    yield from _table(of.connection, full)
    if full:
        for kind, parameters in of.account_fields.items():
            yield f"  account of type {kind}"
            yield from _table(parameters, full)


def _connection(each: ListedConnection, of: Control | None) -> str:
    """`agency-s3 (prospects)`; what isn't both declared and applied says so, and a control that isn't its type's."""
    state = "" if each.declared else ", no longer declared"
    if each.declared and each.applied is False:
        state = ", not applied yet"
    control = f"; {each.control}" if each.control != of else ""
    return f"{each.name} ({', '.join(each.accepts)}{state}{control})"


def _table(parameters: Sequence[Parameter], full: bool) -> Iterator[str]:
    width = max((len(each.name) for each in parameters), default=0)
    for each in parameters:
        need = "required" if each.required else "optional"
        words = [f"With {each.when}." if each.when else "", each.description]
        if each.default is not None:
            words.append(f"Default: {each.default}.")
        if full and 0 < len(each.pattern) <= _READABLE:
            words.append(f"Pattern: {each.pattern}")
        about = " ".join(word for word in (f"{each.value.replace('`', '')}.", *words) if word)
        yield f"    {each.name:<{width}}  {need}  {about}"
