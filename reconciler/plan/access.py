"""Permissions: which change needs what, judged by the roles that were applied before it. Pure.

The table is `needs`. Runs of what is due need nothing: what is applied was permitted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from reconciler.config.desired import Desired
from reconciler.ledger.records import Actual, FlowHead
from reconciler.plan.diff import differences
from reconciler.plan.permitted import Needed, Permissions, Principal
from reconciler.plan.plan import (
    AddFlow,
    AdoptDestination,
    AdoptFlow,
    AnyChange,
    CreateDestination,
    DestinationChange,
    Export,
    MoveFlow,
    Reason,
    Refusal,
    RemoveDestination,
    RemoveFlow,
    ResumeFlow,
    SuspendFlow,
    UpdateAccess,
    UpdateDestination,
    UpdateFlow,
)
from reconciler.plan.received import actions_of, party_of
from reconciler.resources.effective import EffectiveDestination, FlowSpec
from reconciler.resources.governing import Governing
from reconciler.resources.role import Permission, RoleSpec
from reconciler.values.identity import FlowId

Need = tuple[Permission, str | None]
"""A permission, and the destination that it is about; None: the whole project."""
_POLICIES: Need = ("manage-policies", None)
_NOTHING = Governing()


def governing_of(desired: Desired) -> Governing | None:
    """What permissions would be judged by once this is applied; None where there is no role: then everybody may do everything."""
    if not desired.roles:
        return None
    columns = {
        name: {column: each.labels for column, each in dataset.spec.columns.items() if each.labels}
        for name, dataset in desired.datasets.items()
    }
    return Governing(
        roles={name: each.spec for name, each in desired.roles.items()},
        identity=desired.project.spec.identity,
        policies={name: each.spec for name, each in desired.policies.items()},
        destinations={
            name: dict(each.metadata.labels) for name, each in desired.destinations.items() if each.metadata.labels
        },
        columns={name: labels for name, labels in columns.items() if labels},
    )


def update(desired: Desired, actual: Actual) -> UpdateAccess | None:
    """The change of what permissions are judged by, if any."""
    owner = desired.project.metadata.name
    before, after = actual.governing(owner), governing_of(desired)
    if before == after:
        return None
    return UpdateAccess(
        subject=owner,
        owner=owner,
        reason=Reason(
            code="access-changed", sentence="What permissions are judged by is declared otherwise than it was applied."
        ),
        fields=differences(before or _NOTHING, after or _NOTHING),
        spec=after,
    )


@dataclass(frozen=True, slots=True)
class Access:
    """The applied roles of a project, and what is known of its destinations: labels as applied, and as `declared` (None: not at hand).

    `datasets`: which there will be, by name and by former name (None: not at hand). `newcomer`: the project is new to a ledger in which
    others have roles; then these are theirs, and whatever it applies needs manage-policies: else a new name would be a way around them.
    """

    governing: Governing
    actual: Actual
    declared: Mapping[str, Mapping[str, str]] | None = None
    datasets: Mapping[str, str] | None = None
    newcomer: bool = False

    @classmethod
    def of(cls, owner: str, actual: Actual, desired: Desired | None = None) -> Access | None:
        """None where no role is applied: nothing is judged then."""
        governing = actual.governing(owner)
        newcomer = governing is None
        if governing is None:
            governing = _of_others(owner, actual)
        if governing is None or not governing.roles:
            return None
        declared = {name: each.metadata.labels for name, each in desired.destinations.items()} if desired else None
        datasets = _datasets(desired) if desired else None
        return cls(governing, actual, declared, datasets, newcomer)

    # The table ------------------------------------------------------------------------------------------------------------

    def needs(self, change: AnyChange) -> frozenset[Need]:
        """What a change needs."""
        if self.newcomer:
            return frozenset({_POLICIES})
        match change:
            case CreateDestination() | UpdateDestination() | AdoptDestination() | RemoveDestination():
                return self._connecting(change)
            case MoveFlow():
                left = self._activating(FlowId.parse(change.moved_from))
                return (
                    left
                    | self._activating(FlowId.parse(change.subject))
                    | self._lifting(change.moved_from, change.spec)
                )
            case AddFlow() | UpdateFlow() | SuspendFlow() | ResumeFlow():
                return self._activating(FlowId.parse(change.subject)) | self._lifting(change.subject, change.spec)
            case AdoptFlow():
                # What the other project's policies let pass is no matter of this one's.
                lifting = frozenset({_POLICIES}) if any(each.policy for each in change.spec.overrides) else frozenset()
                return self._activating(FlowId.parse(change.subject)) | lifting
            case RemoveFlow():
                return self._activating(FlowId.parse(change.subject))
            case UpdateAccess():
                return frozenset(self._governing(change.spec))
            case Export():
                return frozenset()
            case _:
                assert_never(change)

    def _connecting(self, change: DestinationChange) -> frozenset[Need]:
        """By what the destination accepts, before and after: data sets have a permission of their own."""
        name = change.subject
        record = self.actual.destinations.get(name)
        takes = {
            each for spec in (change.spec, record.spec if record else None) if spec is not None for each in _takes(spec)
        }
        found: set[Need] = {("view-destinations", name)}
        if takes - {"datasets"}:
            found.add(("manage-destinations", name))
        if "datasets" in takes:
            found.add(("manage-dataset-destinations", name))
        if self._gets_around(change):
            found.add(_POLICIES)
        return frozenset(found)

    def _gets_around(self, change: DestinationChange) -> bool:
        """Whether policies hold for a destination by what is taken from it: a marketing action, or whom it is known to be for."""
        former = change.renamed_from if isinstance(change, CreateDestination) else change.subject
        record = self.actual.destinations.get(former or "")
        if record is None or not isinstance(change, CreateDestination | UpdateDestination):
            return False
        known = record.spec.spec.recipient is not None and party_of(record.spec) != party_of(change.spec)
        return known or not actions_of(record.spec.spec) <= actions_of(change.spec.spec)

    def _activating(self, flow: FlowId) -> frozenset[Need]:
        activate: Permission = "activate-datasets" if flow.kind == "dataset" else "activate-destinations"
        return frozenset({("view-destinations", flow.destination), (activate, flow.destination)})

    def _lifting(self, flow: str, spec: FlowSpec) -> frozenset[Need]:
        """A policy that is lifted, or for longer, is a policy that is changed; ending that needs nothing more."""
        head = self.actual.flows.get(flow)
        applied = {each for each in head.spec.overrides if each.policy} if head is not None else set()
        new = [each for each in spec.overrides if each.policy is not None and each not in applied]
        return frozenset({_POLICIES}) if new else frozenset()

    def _governing(self, after: Governing | None) -> Iterator[Need]:
        """Roles, identity and policies are manage-policies; so is a data-usage label that goes. A destination's label is managing it: who
        may do that under the old label and under the new one."""
        before, new = self.governing, after or _NOTHING
        judged_by = (before.roles, before.identity, before.policies) == (new.roles, new.identity, new.policies)
        if not judged_by or any(self._labels_go(name, columns, new) for name, columns in before.columns.items()):
            yield _POLICIES
        if after is None:
            return  # without roles no label selects anything
        for name in sorted({*before.destinations, *new.destinations}):
            record = self.actual.destinations.get(name)
            changed = before.destinations.get(name) != new.destinations.get(name)
            if record is not None and changed and (self.declared is None or name in self.declared):
                yield "view-destinations", name
                yield "manage-destinations", name

    def _labels_go(self, dataset: str, columns: Mapping[str, tuple[str, ...]], new: Governing) -> bool:
        """Whether a column of a dataset that stays, or is renamed, loses a data-usage label."""
        name = self.datasets.get(dataset) if self.datasets is not None else dataset
        if name is None:
            return False
        kept = new.columns.get(name, {})
        return any(set(labels) - set(kept.get(column, ())) for column, labels in columns.items())

    # Judging --------------------------------------------------------------------------------------------------------------

    def has(self, principal: Principal, need: Need) -> bool:
        """Whether somebody has a permission: of a destination, under its labels as applied and as declared."""
        roles = [role for role in self.governing.roles.values() if _is(principal, role)]
        return all(any(_grants(role, need, labels) for role in roles) for labels in self._labels(need[1]))

    def somewhere(self, principal: Principal, permission: Permission) -> bool:
        """Whether somebody has a permission on any destination, be it one that isn't there yet."""
        return any(permission in role.grants for role in self.governing.roles.values() if _is(principal, role))

    def _labels(self, destination: str | None) -> list[Mapping[str, str]]:
        """What a destination is selected by: nobody gets at it by a label that isn't applied yet, nor takes it along under a new one."""
        if destination is None:
            return [{}]
        found: list[Mapping[str, str]] = []
        if destination in self.actual.destinations:
            found.append(self.governing.destinations.get(destination, {}))
        if self.declared is not None and destination in self.declared:
            found.append(self.declared[destination])
        return found or [{}]

    def who(self, need: Need) -> tuple[str, ...]:
        """The roles that grant something, with their subjects."""
        found = []
        for name, role in sorted(self.governing.roles.items()):
            if all(_grants(role, need, labels) for labels in self._labels(need[1])):
                subjects = [each.said for each in role.subjects[:5]]
                more = [f"{len(role.subjects) - 5:,} more"] if len(role.subjects) > 5 else []
                found.append(f"role {name} ({', '.join([*subjects, *more])})")
        return tuple(found)

    def review(self, changes: Iterable[AnyChange], principal: Principal | None) -> Permissions:
        """What a plan needs, and what of it the principal has."""
        needed = sorted(
            {need for change in changes for need in self.needs(change)}, key=lambda each: (each[1] or "", each[0])
        )
        return Permissions(
            principal=principal.name if principal else None,
            roles=len(self.governing.roles),
            needed=tuple(
                Needed(
                    permission=need[0],
                    destination=need[1],
                    who=self.who(need),
                    has=self.has(principal, need) if principal else None,
                )
                for need in needed
            ),
        )

    def refusals(self, changes: Iterable[AnyChange], principal: Principal) -> tuple[Refusal, ...]:
        """One for each change that somebody may not make, with what lacks and who could."""
        found = []
        for change in changes:
            lacking = [need for need in sorted(self.needs(change), key=_key) if not self.has(principal, need)]
            if lacking:
                found.append(Refusal(code="G150", sentence=self.sentence(_said(change), lacking, principal)))
        return tuple(found)

    def export(self, head: FlowHead, principal: Principal) -> Refusal | None:
        """Why somebody may not export a flow on demand."""
        needs = frozenset({_POLICIES}) if self.newcomer else self._activating(head.flow_id)
        lacking = [need for need in sorted(needs, key=_key) if not self.has(principal, need)]
        return (
            Refusal(code="G150", sentence=self.sentence(f"export {head.flow_id.short}", lacking, principal))
            if lacking
            else None
        )

    def sentence(self, what: str, lacking: Sequence[Need], principal: Principal) -> str:
        """`growth-bot may not add flow agency/us: it lacks activate-destinations on agency (role growth (group growth) grants it).`"""
        parts = []
        for need in lacking:
            who = self.who(need)
            where = f" on {need[1]}" if need[1] is not None else ""
            parts.append(f"{need[0]}{where} ({f'granted by {_listed(who)}' if who else 'which no role grants'})")
        return f"{principal.name} may not {what}, for lack of {_listed(parts)}."


def _of_others(owner: str, actual: Actual) -> Governing | None:
    """What other projects of a ledger are judged by, where this one has never applied anything there: of those whose people prove who they
    are in the same way as the first one's do."""
    record = actual.project
    if record is None or owner in record.owners or not record.governing:
        return None
    known = [each for _, each in sorted(record.governing.items())]
    alike = {name: each for name, each in sorted(record.governing.items()) if each.identity == known[0].identity}
    roles = {f"{name}/{role}": spec for name, each in alike.items() for role, spec in each.roles.items()}
    return Governing(roles=roles, identity=known[0].identity)


def _datasets(desired: Desired) -> Mapping[str, str]:
    """Every dataset by its name, and by the one that it had before."""
    former = {each.metadata.renamed_from: name for name, each in desired.datasets.items() if each.metadata.renamed_from}
    return {**{name: name for name in desired.datasets}, **former}


def _key(need: Need) -> tuple[str, str]:
    return need[1] or "", need[0]


def _takes(destination: EffectiveDestination) -> tuple[str, ...]:
    return destination.spec.takes


def _is(principal: Principal, role: RoleSpec) -> bool:
    """Whether a role is somebody's."""
    for each in role.subjects:
        if each.user is not None and each.user == principal.name:
            return True
        if each.group is not None and each.group in principal.groups:
            return True
        if each.claim is not None and each.claim.value in principal.claims.get(each.claim.name, ()):
            return True
    return False


def _grants(role: RoleSpec, need: Need, labels: Mapping[str, str]) -> bool:
    permission, destination = need
    if permission not in role.grants:
        return False
    if not role.scoped:
        return True
    if destination is None:
        return False
    named = role.destinations is not None and destination in role.destinations
    selector = role.destination_selector
    return named or (selector is not None and selector.match_labels.items() <= labels.items())


def _said(change: AnyChange) -> str:
    """`add flow agency/us`, `update destination agency`, `change roles and policies`."""
    if isinstance(change, UpdateAccess):
        return "change what permissions are judged by"
    verb, _, noun = change.change.partition("-")
    return f"{verb} {noun or 'of'} {FlowId.parse(change.subject).short if '/' in change.subject else change.subject}"


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
