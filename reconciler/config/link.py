"""Resources to the desired state: references, rules, folders, columns, expressions, flows. All findings at once."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

from reconciler.config.accounts import account_of
from reconciler.config.alerts import check_alerts
from reconciler.config.columns import check_columns
from reconciler.config.desired import Desired
from reconciler.config.encryption import recipient_keys
from reconciler.config.exclusions import check_exclusions
from reconciler.config.files import Origin
from reconciler.config.flows import Flows
from reconciler.config.governance import check_governance
from reconciler.config.handover import check_handover
from reconciler.config.increments import check_increments
from reconciler.config.index import Entry, Index
from reconciler.config.locations import check_locations
from reconciler.config.metrics import check_metrics
from reconciler.config.overrides import check_overrides
from reconciler.config.remembered import Remembered
from reconciler.config.roles import check_roles
from reconciler.config.rules import check_rules
from reconciler.diagnostics import Diagnostic
from reconciler.resources.resource import (
    API_VERSION,
    Account,
    Activation,
    AlertChannel,
    Audience,
    Dataset,
    Destination,
    Label,
    MarketingAction,
    Policy,
    Project,
    Role,
    Schedule,
    Suppression,
)

DEFAULT_PROJECT = Project.model_validate(
    {"apiVersion": API_VERSION, "kind": "Project", "metadata": {"name": "default"}}
)


def link(
    entries: Iterable[Entry],
    broken: Iterable[str],
    *,
    origin: Origin | None,
    environment: str | None,
    unread: bool = False,
    remembered: Remembered | None = None,
) -> tuple[Desired, list[Diagnostic]]:
    """The desired state as far as it could be built, and every finding. With an error among them it isn't whole.

    `broken`: `Audience/us` for each document that was refused before; `unread`: whether something couldn't be read at all; `origin`: where
    the project's files are, None if nowhere.
    """
    index = Index.of(entries, broken, unread=unread)
    check_rules(index)
    check_locations(index, origin.root if origin is not None else None)
    check_columns(index, remembered)
    check_governance(index)
    check_overrides(index)
    check_roles(index)
    check_exclusions(index)
    check_increments(index)
    check_alerts(index)
    check_metrics(index)
    check_ledger_account(index)
    check_handover(index, DEFAULT_PROJECT)
    flows = Flows(index, recipient_keys(index, origin))
    flows.build()
    project = next((resource for _, resource in index.all(Project)), DEFAULT_PROJECT)
    desired = Desired(
        project=project,
        environment=environment,
        accounts=MappingProxyType(index.named(Account)),
        destinations=MappingProxyType(index.named(Destination)),
        datasets=MappingProxyType(index.named(Dataset)),
        audiences=MappingProxyType(index.named(Audience)),
        schedules=MappingProxyType(index.named(Schedule)),
        activations=MappingProxyType(index.named(Activation)),
        suppressions=MappingProxyType(index.named(Suppression)),
        labels=MappingProxyType(index.named(Label)),
        marketing_actions=MappingProxyType(index.named(MarketingAction)),
        policies=MappingProxyType(index.named(Policy)),
        alert_channels=MappingProxyType(index.named(AlertChannel)),
        roles=MappingProxyType(index.named(Role)),
        destination_specs=MappingProxyType(flows.destinations),
        flows=MappingProxyType({flow_id: flows.flows[flow_id] for flow_id in sorted(flows.flows)}),
        places=MappingProxyType({key: entry.document.top for key, entry in sorted(index.entries.items())}),
        documents=MappingProxyType({key: entry.document for key, entry in index.entries.items()}),
    )
    return desired, sorted(index.findings)


def check_ledger_account(index: Index) -> None:
    """Reports a ledger's account that isn't declared (R101), or is of another type (R141)."""
    for entry, project in index.all(Project):
        account_of(index, entry, project.spec.ledger.account, ("aws",), "A ledger in S3", ("spec", "ledger", "account"))
