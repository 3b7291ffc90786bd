"""The ledger's own document: made once, by the first apply; bumped by every apply."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reconciler.errors import Conflict, Refused
from reconciler.ledger import keys
from reconciler.ledger.records import FORMAT_VERSION, Applied, ProjectRecord
from reconciler.stores.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Opened:
    """The ledger as an apply works on it. `made`: this apply created it."""

    record: ProjectRecord
    made: bool


def open_for_apply(
    ledger: Ledger,
    *,
    project: str,
    environment: str | None,
    simulated: bool,
    applied: Applied,
    lineage: Callable[[], str],
    seen: ProjectRecord | None,
) -> Opened:
    """Makes the ledger if there is none, checks that it is ours and still as it was `seen` when it was planned, and bumps its serial.

    The store is probed every time: a ledger may have been copied to one that ignores preconditions, or to a file system that
    can't lock. Raises `Refused` L150: it belongs to another environment, or is (not) simulated; `StoreError` where the store
    ignores preconditions; `Conflict` where another apply was faster: it may have gone through while a person read the plan.
    """
    found = ledger.read(ProjectRecord, keys.PROJECT)
    _as_seen(found.document if found else None, seen)
    if found is None:
        ledger.store.probe()
        record = ProjectRecord(
            nonce=ledger.nonce(),
            format_version=FORMAT_VERSION,
            lineage=lineage(),
            environment=environment,
            simulated=simulated,
            serial=1,
            created_at=applied.at,
            owners={project: applied},
        )
        return Opened(ledger.create(keys.PROJECT, record).document, made=True)
    was = found.document
    if was.environment != environment or was.simulated != simulated:
        raise Refused(
            "L150",
            "this ledger is another's",
            f"It is of environment {was.environment or '(none)'}{', simulated' if was.simulated else ''}; asked for was "
            f"{environment or '(none)'}{', simulated' if simulated else ''}. Nothing was changed. Name the right ledger, or --env.",
        )
    ledger.store.probe()
    owners = {**was.owners, project: applied}
    record = was.model_copy(update={"nonce": ledger.nonce(), "serial": was.serial + 1, "owners": owners})
    return Opened(ledger.replace(keys.PROJECT, record, found.version).document, made=False)


def _as_seen(now: ProjectRecord | None, seen: ProjectRecord | None) -> None:
    if (now.lineage if now else None) != (seen.lineage if seen else None):
        raise Conflict(
            "G122", "this isn't the ledger that was planned for", "It was made or replaced meanwhile. Plan again."
        )
    if now is not None and seen is not None and now.serial != seen.serial:
        detail = f"The ledger's serial was {seen.serial} and is {now.serial} now. Plan again: reconcile plan"
        raise Conflict("G123", "something was applied since the plan was made", detail)
