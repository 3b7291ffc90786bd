"""What is to be removed and is still there: which clean-up failed, why, since when, how often it was tried. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from reconciler.ledger.records import FlowHead, Unremoved
from reconciler.present.commands import HERE, Shell
from reconciler.present.words import inert, plural, short


@dataclass(frozen=True, slots=True)
class CleanUp:
    """One of a flow. `what`: `discard` what the abandoned run `run_id` staged, `purge` what a removed flow exported, or delete what
    `files.retain` keeps no more. `why`: of the last try; None where a purge that is owed wasn't tried yet."""

    flow: str
    what: Literal["discard", "purge", "retain"]
    destination: str
    run_id: str | None
    why: Unremoved | None

    @property
    def next_commands(self) -> tuple[tuple[str, ...], ...]:
        """What a person would do next, each as arguments of `reconcile`: the last gives it up, where that can be done."""
        found: list[tuple[str, ...]] = [("explain", self.why.code)] if self.why else []
        found.append(("run", "--select", self.flow))
        if self.what != "retain" and self.why:
            found.append(("ledger", "abandon", self.run_id or self.flow))
        return tuple(found)


def clean_ups(heads: Iterable[FlowHead]) -> tuple[CleanUp, ...]:
    """Those of flows, removed ones included, that failed or are owed; by flow."""
    return tuple(each for head in sorted(heads, key=lambda head: head.flow) for each in _of(head))


def _of(head: FlowHead) -> Iterator[CleanUp]:
    name = head.flow_id.destination
    if head.state != "moved":  # its heir has the same ones
        for each in head.abandoned:
            if each.unremoved is not None:
                yield CleanUp(head.flow, "discard", each.destination.name, each.run_id, each.unremoved)
    if head.purge:
        yield CleanUp(head.flow, "purge", name, None, head.unpurged)
    if head.retained is not None and head.retained.unremoved is not None and head.state in ("active", "suspended"):
        yield CleanUp(head.flow, "retain", name, None, head.retained.unremoved)


def as_lines(found: Iterable[CleanUp], *, shell: Shell = HERE) -> list[str]:
    """What is still there, each with why and what to do; nothing where there is nothing."""
    lines = [line for each in found for line in _lines(each, shell)]
    return ["", "Still to be removed; every run and apply tries again:", *lines] if lines else []


def _lines(each: CleanUp, shell: Shell) -> Iterator[str]:
    which = f"{short(each.flow)} at {each.destination}" + (f" · run {each.run_id}" if each.run_id else "")
    if each.why is None:
        yield f"{each.what:<9}  {inert(which)} · not tried yet"
    else:
        since = f"since {each.why.since:%Y-%m-%d %H:%M} UTC, tried {plural(each.why.attempts, 'time')}"
        yield f"{each.what:<9}  {inert(which)} · {since}"
        yield f"{'':11}{inert(f'{each.why.code} {each.why.sentence}')}"
        yield f"{'':11}{inert(each.why.detail)}"
    for command in each.next_commands:
        gives_up = "  (gives it up, where the place is gone for good)" if command[0] == "ledger" else ""
        yield f"{'':11}{shell.command(*command)}{gives_up}"


def as_data(each: CleanUp, *, shell: Shell = HERE) -> dict[str, object]:
    """One as JSON data: stable keys, null where nothing was tried yet."""
    why = each.why
    return {
        "flow": each.flow,
        "what": each.what,
        "destination": each.destination,
        "runId": each.run_id,
        "code": why.code if why else None,
        "sentence": why.sentence if why else None,
        "detail": why.detail if why else None,
        "since": f"{why.since:%Y-%m-%dT%H:%M:%SZ}" if why else None,
        "lastTried": f"{why.at:%Y-%m-%dT%H:%M:%SZ}" if why else None,
        "attempts": why.attempts if why else 0,
        "nextCommands": [shell.command(*command) for command in each.next_commands],
    }
