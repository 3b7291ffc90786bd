"""Who must not leave a flow: consent by the destination's marketing actions, expiry, keys, suppressions."""

from __future__ import annotations

from reconciler.catalog.marketing import THIRD_PARTY
from reconciler.config.governance import check_action
from reconciler.config.index import Entry, Index
from reconciler.config.mapping import Misfit, transformed
from reconciler.config.parse import Path
from reconciler.diagnostics import did_you_mean
from reconciler.resources.dataset import DatasetSpec
from reconciler.resources.effective import EffectiveSource
from reconciler.resources.exclusions import ConsentRule, EffectiveSuppression
from reconciler.resources.resource import Account, Activation, Dataset, Destination, Suppression
from reconciler.resources.transform import steps
from reconciler.values.identity import FlowId
from reconciler.values.types import Flat, parse_type

_TIMES = (Flat("date"), Flat("timestamp"))


def check_exclusions(index: Index) -> None:
    """Columns of keys, expiry, consent and suppressions; marketing actions that consent names."""
    for entry, dataset in index.all(Dataset):
        _dataset(index, entry, dataset.spec)
    for entry, suppression in index.all(Suppression):
        found = index.resolve(Dataset, suppression.spec.dataset, entry, ("spec", "dataset"))
        for at, match in enumerate(suppression.spec.match if found else ()):
            assert found is not None
            if _column(index, entry, ("spec", "match", at, "list"), found.spec, match.list_, found.metadata.name):
                _flat(index, entry, ("spec", "match", at, "list"), found.spec, match.list_)


def consent_rule(
    index: Index, entry: Entry, activation: Activation, destination: Destination, source: EffectiveSource
) -> ConsentRule | None:
    """What the dataset's consent says of all the destination's actions. None, perhaps with a finding, where there is no rule."""
    consent = source.dataset_spec.consent
    if consent is None:
        return None
    path: Path = ("spec", "destination")
    name = destination.metadata.name
    actions = destination.spec.marketing_actions
    if not actions:
        detail = (
            f"Dataset {source.dataset} asks for consent, and destination {name} doesn't say what it is used for. "
            "Add marketingActions to the destination."
        )
        index.report("R122", entry, path, detail)
        return None
    if destination.spec.recipient is not None and THIRD_PARTY in consent.allow:
        actions = tuple(
            dict.fromkeys((*actions, THIRD_PARTY))
        )  # what a recipient is, whether the destination says so or not
    allowed: list[str | bool] | None = None
    for action in actions:
        if action not in consent.allow:
            detail = (
                f"Destination {name} is used for {action}, and the consent of dataset {source.dataset} says nothing of it. "
                f"Add {action} to consent.allow, with the values that allow it."
            )
            index.report("R122", entry, path, detail)
            return None
        values = consent.allow[action]
        allowed = list(values) if allowed is None else [each for each in allowed if each in values]
    return ConsentRule(column=consent.column, values=tuple(allowed or ()))


def suppressions(
    index: Index, entry: Entry, activation: Activation, source: EffectiveSource, path: Path, flow: FlowId
) -> tuple[EffectiveSuppression, ...]:
    """Every suppression of the project as it applies to a flow. Reports where one can't."""
    found = []
    for _, suppression in index.all(Suppression):
        spec, name = suppression.spec, suppression.metadata.name
        dataset = index.get(Dataset, spec.dataset)
        if dataset is None:
            continue
        match = tuple(each for each in spec.match if each.column in source.dataset_spec.columns)
        if not match:
            columns = ", ".join(each.column for each in spec.match)
            detail = (
                f"Suppression {name} looks at {columns}, and dataset {source.dataset} has no such column: nobody could be "
                "held back. Declare the column in the dataset, or add a match to the suppression."
            )
            index.report("R123", entry, path, detail)
            continue
        for each in match:
            try:
                transformed(each.column, source.dataset_spec.columns[each.column].type, steps(each.transform))
            except Misfit as misfit:
                index.report("R123", entry, path, f"Suppression {name}: {misfit}")
            except ValueError:
                pass  # the column's type, reported where it is declared
        if (untold := _untold(suppression, activation, source, flow)) is not None:
            index.report("R124", entry, path, untold)
        account = index.get(Account, dataset.spec.account) if dataset.spec.account else None
        found.append(
            EffectiveSuppression(
                name=name,
                match=match,
                max_age=spec.max_age,
                min_rows=spec.min_rows,
                dataset=dataset.metadata.name,
                dataset_spec=dataset.spec,
                account=account.spec if account else None,
            )
        )
    return tuple(found)


def _untold(suppression: Suppression, activation: Activation, source: EffectiveSource, flow: FlowId) -> str | None:
    """Why a recipient who got somebody before isn't told as the suppression wants it; None where that is as it should be."""
    name, increments = suppression.metadata.name, source.dataset_spec.incremental
    full = activation.spec.mode == "full"
    if not full and increments.strategy == "diff" and increments.told.tells_removed:
        return None
    how = f"strategy {increments.strategy}" + (" with removed: ignore" if increments.strategy == "diff" else "")
    if suppression.spec.notify:
        return (
            f"Suppression {name} says notify: true, and flow {flow.short} with {'mode: full' if full else how} tells nobody who was held "
            "back. Use incremental: {strategy: diff} with changes.removed: folder or tombstone, or leave out notify."
        )
    if full or suppression.spec.unnotified is not None:
        return None
    return (
        f"Suppression {name} may hold back people who were sent before, and {how} never tells who left. Use strategy diff with "
        "changes.removed: folder or tombstone, or mode: full in the activation, or write unnotified: accept in the suppression."
    )


def _dataset(index: Index, entry: Entry, spec: DatasetSpec) -> None:
    for at, name in enumerate(spec.primary_key):
        path: Path = ("spec", "primaryKey", at)
        if _column(index, entry, path, spec, name, entry.name):
            _flat(index, entry, path, spec, name)
    if spec.latest_by is not None:
        path = ("spec", "latestBy")
        if not spec.primary_key:
            index.report("R107", entry, path, "The newest row of which key? Add primaryKey to the dataset.")
        if _column(index, entry, path, spec, spec.latest_by, entry.name):
            _flat(index, entry, path, spec, spec.latest_by)
    if spec.expiry is not None:
        path = ("spec", "expiry", "column")
        name = spec.expiry.column
        if _column(index, entry, path, spec, name, entry.name) and _type(spec, name) not in (*_TIMES, None):
            detail = f"Column {name} is {spec.columns[name].type}; rows expire by a date or a timestamp."
            index.report("R110", entry, path, detail)
    if spec.consent is not None:
        _consent(index, entry, spec)


def _consent(index: Index, entry: Entry, spec: DatasetSpec) -> None:
    consent = spec.consent
    assert consent is not None
    path: Path = ("spec", "consent", "column")
    found = _column(index, entry, path, spec, consent.column, entry.name)
    for action, values in consent.allow.items():
        check_action(index, entry, ("spec", "consent", "allow", action), action, key=True)
        kind = _type(spec, consent.column) if found else None
        fits = {Flat("string"): str, Flat("boolean"): bool}
        if kind is None:
            continue
        if kind not in fits:
            detail = f"Column {consent.column} is {kind}; consent is read from text or a boolean."
            index.report("R110", entry, path, detail)
            return
        if not all(isinstance(each, fits[kind]) for each in values):
            detail = f"Column {consent.column} is {kind}, and not every value here is."
            index.report("R110", entry, ("spec", "consent", "allow", action), detail)


def _column(index: Index, entry: Entry, path: Path, spec: DatasetSpec, name: str, dataset: str) -> bool:
    if name in spec.columns:
        return True
    hint = did_you_mean(name, spec.columns) or f" Declared: {', '.join(list(spec.columns)[:10])}."
    index.report("R107", entry, path, f"Dataset {dataset} has no column {name}.{hint}")
    return False


def _flat(index: Index, entry: Entry, path: Path, spec: DatasetSpec, name: str) -> None:
    kind = _type(spec, name)
    if kind is not None and not isinstance(kind, Flat):
        index.report("R110", entry, path, f"Column {name} is {kind}; a single value is needed here.")


def _type(spec: DatasetSpec, name: str) -> object | None:
    """The column's type; None where it can't be read, which is reported elsewhere."""
    try:
        return parse_type(spec.columns[name].type)
    except ValueError:
        return None
