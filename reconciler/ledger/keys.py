"""The ledger's keys. Other tools rely on them: they are kept to the letter."""

from __future__ import annotations

from datetime import UTC, datetime

from reconciler.values.identity import FlowId
from reconciler.values.slot import slot_folder

PROJECT = "project"
DESTINATIONS = "destinations/"
FLOWS = "flows/"
PINS = "pins/"
STAGED = "staged/"
RUNS = "runs/"
ALERTS = "alerts/"
SNAPSHOTS = "snapshots/"
"""Blobs."""


def destination(name: str) -> str:
    """The document of an applied destination."""
    return f"{DESTINATIONS}{name}"


def flow(flow_id: FlowId) -> str:
    """A flow's head."""
    return f"{FLOWS}{flow_id}"


def alerts(flow_id: FlowId) -> str:
    """What was told of a flow, and what is still to be told."""
    return f"{ALERTS}{flow_id}"


def pin(digest: str) -> str:
    """A pin, by the digest of its content."""
    return f"{PINS}{digest}"


def staged(run_id: str) -> str:
    """What a run staged, from deciding until it is recorded."""
    return f"{STAGED}{run_id}"


def snapshot(run_id: str) -> str:
    """What a flow's reader has after a run, under strategy `diff`."""
    return f"{SNAPSHOTS}{run_id}"


def runs(flow_id: FlowId) -> str:
    """The prefix of a flow's runs, oldest first when sorted."""
    return f"{RUNS}{flow_id}/"


def run(flow_id: FlowId, slot: datetime, run_id: str) -> str:
    """One recorded run."""
    return f"{runs(flow_id)}{run_name(slot, run_id)}"


def run_name(slot: datetime, run_id: str) -> str:
    """The last part of a run's key: sorts by slot."""
    return f"{slot_folder(slot)}-{run_id}"


def slot_of(name: str) -> datetime:
    """The slot in a `run_name`. Raises ValueError."""
    return datetime.strptime(name.partition("-")[0], "%Y%m%d%H%M").replace(tzinfo=UTC)
