"""A ledger as it would be if a configuration had been applied and exported: what a review compares with."""

from __future__ import annotations

from datetime import datetime

from reconciler.config.desired import Desired, DesiredFlow
from reconciler.ledger.records import Actual, Applied, DestinationRecord, FlowHead
from reconciler.plan.access import governing_of
from reconciler.resources.effective import fingerprint
from reconciler.values.cursor import FilesCursor

_NONCE = "assumed"


def as_applied(base: Desired, now: datetime) -> Actual:
    """Every declared destination and flow applied at `now`, each flow with a cursor: a change that would need a rebuild
    says so. Permissions are judged by the base's roles. There is no project record: which ledger it is stays open."""
    applied = Applied(at=now, by=_NONCE)
    owner = base.project.metadata.name
    destinations = {
        name: DestinationRecord(
            nonce=_NONCE,
            name=name,
            owner=owner,
            spec=spec,
            fingerprint=fingerprint(spec),
            generation=1,
            protected=base.destinations[name].metadata.protect,
            transfer_to=base.destinations[name].metadata.transfer_to,
            applied=applied,
        )
        for name, spec in base.destination_specs.items()
    }
    flows = {str(flow_id): _head(flow, owner, applied) for flow_id, flow in base.flows.items()}
    return Actual(assumed=governing_of(base), destinations=destinations, flows=flows)


def _head(flow: DesiredFlow, owner: str, applied: Applied) -> FlowHead:
    spec = flow.spec
    return FlowHead(
        nonce=_NONCE,
        flow=str(flow.id),
        owner=owner,
        state="suspended" if spec.suspend else "active",
        spec=spec,
        fingerprint=fingerprint(spec),
        source_id=spec.source.id or spec.source.name,
        protected=spec.protect,
        since=applied.at,
        applied=applied,
        cursor=FilesCursor(pin=_NONCE, location=spec.source.dataset_spec.place, files=0),
        recorded_at=applied.at,
    )
