"""Options that several commands share, and what their texts mean."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

import click

from reconciler.errors import UsageError

_Command = Callable[..., Any]

ENVIRONMENT = click.option("--env", "environment", metavar="NAME", help="With the overlay environments/NAME.yaml.")
FORMAT = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
SELECT = click.option(
    "--select", multiple=True, metavar="PATTERN", help="Only these flows or destinations; may be repeated."
)
AT = click.option("--at", metavar="TIME", help="Act as if it were TIME; ahead of the clock on a simulated ledger only.")


def flow_options(command: _Command, form: Callable[[_Command], _Command] = FORMAT) -> _Command:
    """FLOW, --destination, --select, --env and --format: the same for every command that looks at flows. `form`: another --format."""
    destination = click.option(
        "--destination", "destinations", multiple=True, metavar="NAME", help="Only flows to it; may be repeated."
    )
    for each in (form, ENVIRONMENT, SELECT, destination, click.argument("flow", required=False)):
        command = each(command)
    return command


def moment(text: str | None) -> datetime | None:
    """`--at`. Raises UsageError U101."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise UsageError("U101", "not a time", "--at takes a time with its zone, such as 2026-12-01T02:00Z.")
    return at


def removals(text: str | None) -> int | Literal["all"] | None:
    """`--allow-removals`. Raises UsageError U103."""
    if text is None:
        return None
    if text == "all":
        return "all"
    if not text.isdecimal():
        raise UsageError("U103", "not a number of removals", "--allow-removals takes a number, or all.")
    return int(text)


def part_of(text: str | None) -> tuple[int, int]:
    """`--shard`. Raises UsageError U112."""
    if text is None:
        return 1, 1
    found = re.fullmatch(r"([1-9]\d{0,3})/([1-9]\d{0,3})", text)
    if found is None or int(found[1]) > int(found[2]):
        raise UsageError("U112", "not a part of the flows", "--shard takes I/N with I from 1 to N, such as 2/3.")
    return int(found[1]), int(found[2])
