"""`plan --base`: a configuration as if all of it had been applied and exported, to compare another one with.

No ledger, no secret, no network: safe for a stranger's pull request.
"""

from __future__ import annotations

from datetime import datetime

from reconciler.config.desired import Desired
from reconciler.ledger import transitions
from reconciler.ledger.records import Actual, Applied, DestinationRecord, FlowHead
from reconciler.resources.effective import FlowSpec, fingerprint
from reconciler.values.cursor import FilesCursor

_UNKNOWN = "0" * 64


def as_applied(desired: Desired, now: datetime, revision: str | None = None) -> Actual:
    """What a ledger would hold if exactly this had been applied at `now` and every flow had exported since.

    There is no project record: lineage and serial stay unknown, and so does every slot.
    """
    applied = Applied(at=now, by="base", revision=revision)
    owner = desired.project.metadata.name
    destinations = {
        name: DestinationRecord(
            nonce="base",
            name=name,
            owner=owner,
            spec=spec,
            fingerprint=fingerprint(spec),
            generation=1,
            protected=desired.destinations[name].metadata.protect,
            applied=applied,
        )
        for name, spec in desired.destination_specs.items()
    }
    flows = {str(flow_id): _head(flow.spec, owner, applied) for flow_id, flow in desired.flows.items()}
    return Actual(destinations=destinations, flows=flows)


def _head(spec: FlowSpec, owner: str, applied: Applied) -> FlowHead:
    source_id = spec.source.id or spec.source.name
    head = transitions.added(spec, owner=owner, source_id=source_id, applied=applied, nonce="base")
    cursor = FilesCursor(pin=_UNKNOWN, location=spec.source.dataset_spec.location, files=0)
    return head.model_copy(update={"cursor": cursor})
