"""Labels, marketing actions and policies: that they exist, and that the project's own are told from the core ones."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.catalog.labels import CORE_LABELS
from reconciler.catalog.marketing import CORE_ACTIONS
from reconciler.config.index import Entry, Index
from reconciler.config.parse import Path
from reconciler.diagnostics import did_you_mean
from reconciler.resources.core_policies import CORE_POLICIES, PREFIX
from reconciler.resources.policy import AnyDeny
from reconciler.resources.resource import Dataset, Destination, Label, MarketingAction, Policy

_CORE = {each.name for each in CORE_POLICIES}
_NAME: Path = ("metadata", "name")


def check_governance(index: Index) -> None:
    """Reports all of it."""
    for entry, _ in index.all(Label):
        if entry.name in CORE_LABELS:
            index.report(
                "R151", entry, _NAME, f"{entry.name} is a core label, and means what it always means. Use another name."
            )
    for entry, _ in index.all(MarketingAction):
        if entry.name in CORE_ACTIONS:
            index.report("R151", entry, _NAME, f"{entry.name} is a core marketing action. Use another name.")
    for entry, dataset in index.all(Dataset):
        for name, column in dataset.spec.columns.items():
            for at, label in enumerate(column.labels or ()):
                _label(index, entry, _written(entry, name, label, at), label)
    for entry, destination in index.all(Destination):
        for at, action in enumerate(destination.spec.marketing_actions):
            check_action(index, entry, ("spec", "marketingActions", at), action)
    for entry, policy in index.all(Policy):
        _policy(index, entry, policy)


def check_action(index: Index, entry: Entry, path: Path, action: str, *, key: bool = False) -> None:
    """Reports a marketing action that is neither a core one nor the project's own (R125)."""
    if action in CORE_ACTIONS or _declared(index, "MarketingAction", action):
        return
    known = sorted({*CORE_ACTIONS, *_names(index, "MarketingAction")})
    hint = did_you_mean(action, known) or f" They are: {', '.join(known[:20])}."
    index.report("R125", entry, path, f"There is no marketing action {action}.{hint}", key=key)


class Labelled:
    """Columns of datasets over the same files, by name: the labels of the first that has it, and which dataset that is."""

    def __init__(self, above: Labelled | None = None) -> None:
        self._columns: dict[str, tuple[frozenset[str], str]] = dict(above._columns) if above else {}

    def add(self, index: Index, name: str) -> None:
        """A dataset over them, or over some. Reports columns that are labelled otherwise (R154), at the dataset that lacks a label."""
        dataset = index.get(Dataset, name)
        for column, spec in dataset.spec.columns.items() if dataset is not None else ():
            here = frozenset(spec.labels or ())
            there, other = self._columns.setdefault(column, (here, name))
            if lacking := there - here:
                _lacks(index, column, lacking, name, other)
            if lacking := here - there:
                _lacks(index, column, lacking, other, name)


def _lacks(index: Index, column: str, labels: Iterable[str], name: str, other: str) -> None:
    at = index.entries["Dataset", other].place
    detail = (
        f"Column {column} has {', '.join(sorted(labels))} in dataset {other} ({at}), which reads the same files, and not here. "
        "Give it the same labels in both."
    )
    index.report("R154", index.entries["Dataset", name], ("spec", "columns", column), detail, key=True)


def _label(index: Index, entry: Entry, path: Path, label: str) -> None:
    if label in CORE_LABELS or _declared(index, "Label", label):
        return
    known = [*CORE_LABELS, *_names(index, "Label")]
    hint = did_you_mean(label, known) or f" They are: {', '.join(known[:30])}; others are declared as Label."
    index.report("R150", entry, path, f"There is no label {label}.{hint}")


def _written(entry: Entry, column: str, label: str, at: int) -> Path:
    """Where a label of a column stands; the resource has them sorted."""
    path: Path = ("spec", "columns", column, "labels")
    written = entry.document.data["spec"]["columns"][column].get("labels")
    found = written.index(label) if isinstance(written, list) and label in written else at
    return (*path, found)


def _policy(index: Index, entry: Entry, policy: Policy) -> None:
    spec = policy.spec
    if entry.name in _CORE:
        if spec.deny is not None or spec.marketing_actions:
            detail = (
                f"{entry.name} is a core policy: what it forbids stays as it is. Leave out deny and marketingActions, or give "
                "a policy of your own another name."
            )
            index.report("R151", entry, _NAME, detail)
        elif spec.status != "enabled" and spec.reason is None:
            detail = f"{entry.name} is a core policy, and this makes it {spec.status}. Say why: add reason to spec."
            index.report("R152", entry, ("spec", "status"), detail)
        return
    if entry.name.startswith(PREFIX):
        hint = did_you_mean(entry.name, _CORE) or f" Core policies: {', '.join(sorted(_CORE))}."
        detail = f"There is no core policy {entry.name}, and names of others don't begin with {PREFIX}.{hint}"
        index.report("R151", entry, _NAME, detail)
        return
    if spec.deny is None:
        index.report(
            "R152",
            entry,
            ("spec",),
            "What does it forbid? Add deny: a label, or {operator: AND or OR, operands: […]}.",
            key=True,
        )
    else:
        _expression(index, entry, ("spec", "deny"), spec.deny)
    if spec.reason is not None:
        detail = (
            "reason says why a core policy isn't enabled; what a policy of your own is for is its metadata.description."
        )
        index.report("R152", entry, ("spec", "reason"), detail, key=True)
    for at, action in enumerate(spec.marketing_actions):
        check_action(index, entry, ("spec", "marketingActions", at), action)


def _expression(index: Index, entry: Entry, path: Path, deny: AnyDeny) -> None:
    if isinstance(deny, str):
        _label(index, entry, path, deny)
        return
    for at, each in enumerate(deny.operands):
        _expression(index, entry, (*path, "operands", at), each)


def _declared(index: Index, kind: str, name: str) -> bool:
    """Whether it is declared, or was in a document that is refused for something else."""
    return (kind, name) in index.entries or index.refused(kind, name)


def _names(index: Index, kind: str) -> Iterable[str]:
    return sorted(name for of, name in index.entries if of == kind)
