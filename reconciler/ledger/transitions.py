"""Every allowed change of a flow's head, as functions of the head. Pure: nonces, times and identities are passed in.

A transition that isn't allowed from the head's present state raises `NotAllowed`: whoever called lost a race and must read again.
"""

from __future__ import annotations

from datetime import datetime

from reconciler.errors import Conflict
from reconciler.ledger import keys
from reconciler.ledger.records import (
    AbandonedRun,
    Applied,
    Condition,
    FlowHead,
    LastRun,
    Lease,
    OpenRun,
    Resendable,
    Retained,
    Standing,
    Unremoved,
)
from reconciler.resources.effective import FlowSpec, fingerprint
from reconciler.values.cursor import Cursor

NONCES_KEPT = 16
RESENDABLE_KEPT = 30


class NotAllowed(Conflict):
    """The head isn't in the state that this transition starts from."""

    def __init__(self, head: FlowHead, what: str) -> None:
        super().__init__("L120", "another runner was faster", f"{head.flow}: {what}")


def _next(head: FlowHead, nonce: str, **changes: object) -> FlowHead:
    nonces = (*head.nonces, head.nonce)[-NONCES_KEPT:]
    return head.model_copy(update={"nonce": nonce, "nonces": nonces, **changes})


def _open(head: FlowHead, run_id: str, phase: str) -> OpenRun:
    if head.open is None or head.open.run_id != run_id or head.open.phase != phase:
        raise NotAllowed(head, f"run {run_id} is no longer {phase}")
    return head.open


# Runs -----------------------------------------------------------------------------------------------------------------


def claim(head: FlowHead, run: OpenRun, *, nonce: str) -> FlowHead:
    """Opens a run at the next epoch. Only one runner's swap of this succeeds."""
    if head.open is not None:
        raise NotAllowed(head, f"run {head.open.run_id} is open")
    if head.state not in ("active", "suspended"):
        raise NotAllowed(head, f"the flow is {head.state}")
    if run.epoch != head.epoch + 1 or run.generation != head.generation:
        raise NotAllowed(head, "the flow changed meanwhile")
    return _next(head, nonce, open=run, epoch=run.epoch)


def renew(head: FlowHead, run_id: str, lease: Lease, *, nonce: str) -> FlowHead:
    """Extends the lease of an open run, in either phase."""
    if head.open is None or head.open.run_id != run_id:
        raise NotAllowed(head, f"run {run_id} is no longer open")
    return _next(head, nonce, open=head.open.model_copy(update={"lease": lease}))


def abandon(
    head: FlowHead, run_id: str, reason: str, *, now: datetime, nonce: str, condition: Condition | None = None
) -> FlowHead:
    """Ends an undecided run. What it staged is listed for discarding until that is confirmed."""
    run = _open(head, run_id, "staging")
    gone = AbandonedRun(run_id=run.run_id, destination=run.spec.destination, reason=reason, at=now)
    return _next(head, nonce, open=None, abandoned=(*head.abandoned, gone), condition=condition or head.condition)


def discarded(head: FlowHead, run_id: str, *, nonce: str) -> FlowHead:
    """Nothing of an abandoned run is staged any more."""
    left = tuple(each for each in head.abandoned if each.run_id != run_id)
    if len(left) == len(head.abandoned):
        raise NotAllowed(head, f"run {run_id} is not waiting to be discarded")
    return _next(head, nonce, abandoned=left)


def not_discarded(head: FlowHead, run_id: str, why: Unremoved, *, nonce: str) -> FlowHead:
    """Notes why what an abandoned run staged is still there."""
    noted = tuple(
        each.model_copy(update={"unremoved": why}) if each.run_id == run_id else each for each in head.abandoned
    )
    if noted == head.abandoned:
        raise NotAllowed(head, f"run {run_id} is not waiting to be discarded")
    return _next(head, nonce, abandoned=noted)


def decide(head: FlowHead, run_id: str, staged_digest: str, *, nonce: str) -> FlowHead:
    """The fence: from here on the run only rolls forward. A runner that lost its claim loses here, having shown nothing."""
    run = _open(head, run_id, "staging")
    if run.generation != head.generation:
        raise NotAllowed(head, "the flow was changed by an apply meanwhile")
    return _next(head, nonce, open=run.model_copy(update={"phase": "publishing", "staged_digest": staged_digest}))


def record(
    head: FlowHead,
    run_id: str,
    *,
    cursor: Cursor | None,
    last: LastRun | None,
    now: datetime,
    nonce: str,
    standing: tuple[Standing, ...] | None = None,
) -> FlowHead:
    """Closes a decided run: slot done, cursor advanced where nothing was applied since it was claimed. A re-send leaves no trace on
    the head, but for a condition that was its own.

    `last` is None for a run that a person ended; then the cursor stays, the slot counts as done, and what it still has staged is listed
    for discarding. `standing`: what is at a fixed name by now; None: as before.
    """
    run = _open(head, run_id, "publishing")
    changes: dict[str, object] = {"open": None, "recorded_at": now}
    if standing is not None:
        changes["standing"] = standing
    if head.retained is not None:
        changes["retained"] = _looked_at_again(head.retained, keys.run_name(run.slot, run.run_id))
    if last is None:
        left = AbandonedRun(run_id=run_id, destination=run.spec.destination, reason="it was ended by a person", at=now)
        changes["abandoned"] = (*head.abandoned, left)
    if run.kind == "resend":
        if head.condition is not None and head.condition.run_id == run_id:
            changes["condition"] = None
        return _next(head, nonce, **changes)
    changes["condition"] = None
    if not run.on_demand and (head.last_slot is None or run.slot > head.last_slot):
        changes["last_slot"] = run.slot
    if last is not None:
        changes["last_run"] = last
        if run.generation == head.generation:
            changes |= {"cursor": cursor, "rebuild": None}
        if run.spec.changes is None:
            kept = Resendable(
                run_id=run_id, slot=run.slot, on_demand=run.on_demand, pin=run.pin, pin_before=run.pin_before
            )
            changes["resendable"] = (*head.resendable, kept)[-RESENDABLE_KEPT:]
    return _next(head, nonce, **changes)


def _looked_at_again(retained: Retained, name: str) -> Retained:
    """A run with an older slot is behind what was done with: what is sent again is."""
    through = retained.through if retained.through is None or name > retained.through else None
    return retained.model_copy(update={"settled": False, "through": through})


def thinned(
    head: FlowHead,
    *,
    through: str | None,
    removed: int,
    again: datetime | None,
    unremoved: Unremoved | None,
    nonce: str,
) -> FlowHead:
    """What `files.retain` no longer keeps was deleted, `removed` more exports; unless some is `unremoved`, all of it."""
    before = head.retained or Retained()
    after = Retained(
        through=through,
        removed=before.removed + removed,
        settled=unremoved is None,
        again=again,
        problem=f"{unremoved.code} {unremoved.sentence}" if unremoved else None,
        unremoved=unremoved,
    )
    return _next(head, nonce, retained=after)


def counted(head: FlowHead, removed: int, *, nonce: str) -> FlowHead:
    """So many more exports were deleted by a look that the head has overtaken: it is looked at again."""
    before = head.retained or Retained()
    return _next(
        head, nonce, retained=before.model_copy(update={"removed": before.removed + removed, "settled": False})
    )


def conditioned(head: FlowHead, condition: Condition | None, *, nonce: str) -> FlowHead:
    """Notes why a flow needs a person, or that it no longer does."""
    if condition and head.condition and head.condition.code == condition.code and head.condition.slot == condition.slot:
        condition = condition.model_copy(update={"attempts": head.condition.attempts + 1})
    return _next(head, nonce, condition=condition)


# Applies --------------------------------------------------------------------------------------------------------------


def added(
    spec: FlowSpec, *, owner: str, source_id: str, applied: Applied, nonce: str, before: FlowHead | None = None
) -> FlowHead:
    """A new flow, or one that comes back after its removal: then epochs go on where they were and the cursor starts anew."""
    if before is not None and before.state not in ("removed", "moved"):
        raise NotAllowed(before, "the flow exists")
    return FlowHead(
        nonce=nonce,
        flow=str(spec.flow_id),
        owner=owner,
        state="suspended" if spec.suspend else "active",
        spec=spec,
        fingerprint=fingerprint(spec),
        source_id=source_id,
        generation=before.generation + 1 if before else 1,
        born=before.generation + 1 if before else 1,
        epoch=before.epoch if before else 0,
        protected=spec.protect,
        since=applied.at,
        applied=applied,
        recorded_at=applied.at,
        nonces=(*before.nonces, before.nonce)[-NONCES_KEPT:] if before else (),
        abandoned=before.abandoned if before else (),
        standing=before.standing if before else None,
    )


def updated(
    head: FlowHead, spec: FlowSpec, *, rebuild: str | None, source_id: str, applied: Applied, nonce: str
) -> FlowHead:
    """A new effective spec. An undecided run is abandoned; a decided one must have been completed.

    `rebuild` drops the cursor of a flow that has exported; before its first export, its backfill is still to come.
    """
    base = _without_undecided(head, "the flow was changed by an apply", applied)
    changes: dict[str, object] = {
        "spec": spec,
        "fingerprint": fingerprint(spec),
        "source_id": source_id,
        "state": "suspended" if spec.suspend else "active",
        "protected": spec.protect,
        "generation": head.generation + 1,
        "applied": applied,
        "condition": None,
        "retained": head.retained.model_copy(update={"settled": False}) if head.retained else None,
    }
    return _next(head, nonce, **base, **changes, **_dropped(head, rebuild))


def adopted(
    head: FlowHead,
    spec: FlowSpec,
    *,
    owner: str,
    rebuild: str | None,
    source_id: str,
    applied: Applied,
    nonce: str,
) -> FlowHead:
    """Another project's flow from now on, in one step, where its former one offers it. All else as in `updated`."""
    if head.spec.transfer_to != owner:
        raise NotAllowed(head, f"it isn't offered to project {owner} any more")
    if head.state not in ("active", "suspended"):
        raise NotAllowed(head, f"the flow is {head.state}")
    new = updated(head, spec, rebuild=rebuild, source_id=source_id, applied=applied, nonce=nonce)
    return new.model_copy(update={"owner": owner})


def removed(head: FlowHead, *, purge: bool, applied: Applied, nonce: str) -> FlowHead:
    """Off the schedule at once. The head stays as a tombstone; `purge` lists its files for deletion."""
    base = _without_undecided(head, "the flow was removed", applied)
    gone = {
        "state": "removed",
        "cursor": None,
        "resendable": (),
        "condition": None,
        "rebuild": None,
        "protected": False,
    }
    return _next(head, nonce, **base, **gone, purge=purge, applied=applied, generation=head.generation + 1)


def purged(head: FlowHead, *, nonce: str) -> FlowHead:
    """Every file of a removed flow has been deleted."""
    if not head.purge:
        raise NotAllowed(head, "nothing is to be purged")
    return _next(head, nonce, purge=False, unpurged=None)


def not_purged(head: FlowHead, why: Unremoved, *, nonce: str) -> FlowHead:
    """Notes why files of a removed flow are still there."""
    if not head.purge:
        raise NotAllowed(head, "nothing is to be purged")
    return _next(head, nonce, unpurged=why)


def purge_given_up(head: FlowHead, *, nonce: str) -> FlowHead:
    """Nobody tries any more to delete what a removed flow exported; why it couldn't be stays noted."""
    if not head.purge or head.unpurged is None:
        raise NotAllowed(head, "no purge of it failed")
    return _next(head, nonce, purge=False)


def moved_away(head: FlowHead, to: str, *, applied: Applied, nonce: str, before: FlowHead | None = None) -> FlowHead:
    """The old end of a rename: marked first, so that readers follow before the new head exists.

    `before`: what a removed flow left at the new end. Its generation lies below the marked one, and that of the new head above it: so
    it can be told later whether the rename was completed.
    """
    if head.open is not None:
        raise NotAllowed(head, f"run {head.open.run_id} is open")
    generation = _newest(head, before) + 1
    return _next(head, nonce, state="moved", moved_to=to, applied=applied, generation=generation)


def moved_here(
    old: FlowHead,
    spec: FlowSpec,
    *,
    applied: Applied,
    nonce: str,
    before: FlowHead | None = None,
    source_id: str | None = None,
    rebuild: str | None = None,
) -> FlowHead:
    """The new end of a rename: cursor, folder, slots and what can be sent again come along.

    `source_id`: another folder, where one is declared; `rebuild` as in `updated`, where more than the name changed.
    """
    generation = _newest(old, before) + 2
    return old.model_copy(
        update={
            **_dropped(old, rebuild),
            "source_id": source_id or old.source_id,
            "nonce": nonce,
            "nonces": (),
            "flow": str(spec.flow_id),
            "state": "suspended" if spec.suspend else "active",
            "moved_to": None,
            "spec": spec,
            "fingerprint": fingerprint(spec),
            "generation": generation,
            "born": generation,
            "formerly": old.lives(),
            "abandoned": (*old.abandoned, *(before.abandoned if before else ())),
            "epoch": max(old.epoch, before.epoch if before else 0),
            "protected": spec.protect,
            "applied": applied,
        }
    )


def _newest(old: FlowHead, before: FlowHead | None) -> int:
    return max(old.generation, before.generation if before else 0)


def _dropped(head: FlowHead, rebuild: str | None) -> dict[str, object]:
    exported = head.cursor is not None or head.rebuild is not None
    return {"rebuild": rebuild, "cursor": None} if rebuild and exported else {}


def _without_undecided(head: FlowHead, reason: str, applied: Applied) -> dict[str, object]:
    run = head.open
    if run is None:
        return {}
    if run.phase == "publishing":
        raise NotAllowed(head, f"run {run.run_id} is decided and must be completed first")
    gone = AbandonedRun(run_id=run.run_id, destination=run.spec.destination, reason=reason, at=applied.at)
    return {"open": None, "abandoned": (*head.abandoned, gone)}
