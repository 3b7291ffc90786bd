"""What the commands that look at applied flows share: the ledger opened, flows chosen by name, a time on the line."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.wiring import Here, printable

if TYPE_CHECKING:
    from reconciler.destinations.base import Destination
    from reconciler.ledger.records import Actual, FlowHead
    from reconciler.resources.account import AccountSpec
    from reconciler.resources.effective import EffectiveDestination
    from reconciler.stores.ledger import Ledger

_GONE = ("removed", "moved")
_Command = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which flows: one by name, or those of destinations and patterns; nothing is all."""

    flow: str | None
    destinations: tuple[str, ...]
    select: tuple[str, ...]


def flow_options(command: _Command) -> _Command:
    """FLOW, --destination, --select, --env and --format: the same for every command that looks at flows."""
    for each in (
        click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True),
        click.option("--env", "environment", metavar="NAME", help="With the overlay environments/NAME.yaml."),
        click.option("--select", multiple=True, metavar="PATTERN", help="Only these flows; may be repeated."),
        click.option(
            "--destination", "destinations", multiple=True, metavar="NAME", help="Only flows to it; repeatable."
        ),
        click.argument("flow", required=False),
    ):
        command = each(command)
    return command


@dataclass(frozen=True, slots=True)
class Opened:
    """A project's ledger, for reading, and the way to destinations as they were claimed."""

    ledger: Ledger
    root: Path

    def destination(self, destination: EffectiveDestination) -> Destination:
        """The connection. Touches nothing yet."""
        from reconciler.destinations.open import open_destination

        return open_destination(destination, root=self.root, session=lambda: _session(self.root, destination.account))


def opened(here: Here, environment: str | None) -> tuple[Opened, Actual]:
    """The ledger and what it holds. Ends the command with 1 where none has been made yet."""
    from reconciler.stores.ledger import Ledger
    from reconciler.stores.open import open_store

    desired, root = here.desired(environment), here.project()
    spec = desired.project.spec.ledger
    account = desired.accounts[spec.account].spec if spec.account is not None else None
    store = open_store(spec.url, root=root, session=lambda: _session(root, account))
    ledger = Ledger(store, lambda: secrets.token_hex(16), time.sleep)
    actual = ledger.actual()
    if actual.project is None:
        click.echo(f"Nothing is applied yet: {printable(spec.url)} is no ledger. Next: reconcile plan", err=True)
        raise click.exceptions.Exit(1)
    return Opened(ledger, root), actual


def chosen(actual: Actual, choice: Choice, *, gone: bool = False) -> list[FlowHead]:
    """The heads, by name. Removed and moved flows only with `gone`, or by name. A name or pattern that fits nothing is wrong
    usage: a mistyped one must not read as `all is well`."""
    heads = [head for _, head in sorted(actual.flows.items())]
    if choice.flow is not None:
        heads = [_named(heads, choice.flow)]
        gone = gone or heads[0].state in _GONE
    kept = [head for head in heads if gone or head.state not in _GONE]
    if choice.destinations:
        for name in choice.destinations:
            if all(head.flow_id.destination != name for head in kept):
                raise click.BadParameter(f"no applied flow goes to {printable(name)}.", param_hint="--destination")
        kept = [head for head in kept if head.flow_id.destination in choice.destinations]
    if choice.select:
        kept = [head for head in kept if _matches(head, choice.select)]
        if not kept:
            patterns = printable(", ".join(choice.select))
            raise click.BadParameter(f"nothing that is applied matches {patterns}.", param_hint="--select")
    return kept


def _named(heads: Iterable[FlowHead], name: str) -> FlowHead:
    """By full id, else by the short form: flows that are there before those that are gone."""
    fit = [head for head in heads if name in (head.flow, head.flow_id.short)]
    exact = [head for head in fit if head.flow == name]
    here = exact or [head for head in fit if head.state not in _GONE] or fit
    if len(here) == 1:
        return here[0]
    if not here:
        raise click.BadParameter(f"no applied flow is named {printable(name)}.", param_hint="FLOW")
    raise click.BadParameter(f"several flows fit: {', '.join(head.flow for head in here)}.", param_hint="FLOW")


def _matches(head: FlowHead, patterns: tuple[str, ...]) -> bool:
    names = (head.flow, head.flow_id.short, head.flow_id.destination)
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


def moment(text: str | None) -> datetime:
    """The time to act as if it were: ISO 8601 with a zone; now without one given."""
    if text is None:
        return datetime.now(UTC)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise click.BadParameter("write a time with its zone, such as 2026-12-01T02:00:00Z.", param_hint="--at")
    return at.astimezone(UTC)


def _session(root: Path, account: AccountSpec | None) -> Any:
    from reconciler.accounts.aws import AwsSession, ambient_session
    from reconciler.accounts.secrets import SecretSource

    source = SecretSource(root, os.environ)
    return ambient_session(source) if account is None else AwsSession(account, source)
