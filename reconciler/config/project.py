"""Which ledger a project uses: read from its Project and that ledger's Account alone.

What runs at night needs the ledger and nothing else of the configuration. Ten thousand other documents aren't parsed, and what is
wrong with them stops nothing. What names the ledger must be sound: no default is taken where a Project might stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from reconciler.config import overlay
from reconciler.config.check import check
from reconciler.config.files import PROJECT_FILES, Directory, Origin, by_default, chosen
from reconciler.config.index import Entry, Index
from reconciler.config.invalid import NotValid
from reconciler.config.link import DEFAULT_PROJECT, check_ledger_account
from reconciler.config.locations import check_locations
from reconciler.config.metrics import check_metrics
from reconciler.config.parse import Document
from reconciler.config.reading import Texts, overlays, redacted, selection
from reconciler.config.rules import check_rules
from reconciler.diagnostics import Diagnostic, diagnose
from reconciler.errors import ConfigInvalid
from reconciler.resources.accounts.base import AccountSpec
from reconciler.resources.project import EngineSpec, LedgerSpec, MetricsSpec
from reconciler.resources.resource import Account, AnyResource, Project

# A kind is written plainly, or with escapes in double quotes: files with neither can't hold what is looked for.
_ESCAPED = rb"\\[xuU\r\n]"
_MAY_HOLD = {kind: re.compile(rb"\b" + kind.encode() + rb"\b|" + _ESCAPED) for kind in ("Project", "Account")}


@dataclass(frozen=True, slots=True)
class LedgerPlace:
    """Where a project's ledger is. `project`: the project's name; `account`: what signs in there, None for ambient or a folder.
    `engine`: what exports may take here. `metrics`: where those go.
    """

    project: str
    environment: str | None
    spec: LedgerSpec
    account: AccountSpec | None
    engine: EngineSpec
    metrics: MetricsSpec = field(default_factory=MetricsSpec)


def find_ledger(root: Path, environment: str | None = None) -> LedgerPlace:
    """The ledger that a project directory names, with the overlay of an environment if one is named.

    Raises `NotValid` where what names it is wrong, ConfigInvalid P109 where there is no YAML file at all.
    """
    search = _Search(Directory(root))
    if not search.names and not search.listing:
        raise ConfigInvalid("P109", "no project here", f"There is no YAML file to read in {root}.")
    document = search.project()
    patches = search.patches(environment)
    entries: list[Entry] = []
    project = DEFAULT_PROJECT
    if document is not None or patches["Project"]:
        entry = search.checked(document, patches["Project"])
        if isinstance(entry.resource, Project):
            project = entry.resource
            entries.append(entry)
    name = project.spec.ledger.account
    if name is not None:
        entries += search.accounts(name, patches["Account"])
    index = Index.of(entries, ())
    check_rules(index)
    check_locations(index, root)
    check_ledger_account(index)
    check_metrics(index)
    if index.findings:
        search.refuse(index.findings)
    account = index.get(Account, name) if name is not None else None
    spec = project.spec
    return LedgerPlace(
        project.metadata.name, environment, spec.ledger, account.spec if account else None, spec.engine, spec.metrics
    )


@dataclass
class _Search:
    """The files of a project, parsed as they are needed. `listing`: what was wrong with finding them."""

    origin: Origin
    names: list[str] = field(default_factory=list)
    listing: list[Diagnostic] = field(default_factory=list)
    texts: Texts = field(default_factory=Texts)

    def __post_init__(self) -> None:
        found, self.listing = self.origin.names(hidden=False)
        self.names = [name for name in found if by_default(name)]

    def project(self) -> Document | None:
        """The Project document: that of `reconcile.yaml`, else the only one there is; None where there surely is none."""
        for name in PROJECT_FILES:
            if name in self.names:
                self._parse([name], "Project")
                if found := list(self._of("Project", [name])):
                    return self._only(found)
        self._parse(self.names, "Project")
        found = list(self._of("Project", self.names))
        if not found and (unclear := [*self.listing, *self._findings(self.names)]):
            self.refuse(unclear)
        return self._only(found)

    def patches(self, environment: str | None) -> dict[str, list[Document]]:
        """The environment's patches of Project and Accounts. The overlay's file must be sound as text."""
        findings: list[Diagnostic] = []
        files = overlays(self.origin, environment, self.texts, findings)
        findings += self._findings(files)
        if findings:
            self.refuse(findings)
        return {kind: list(self._of(kind, files)) for kind in ("Project", "Account")}

    def accounts(self, name: str, patches: list[Document]) -> list[Entry]:
        """The Accounts of that name: one, where all is well."""
        include, exclude = selection(self.texts.documents)
        names = self.origin.names(hidden=True)[0] if include is not None else self.names
        names = chosen(names, include, exclude)
        self._parse(names, "Account")
        found = [each for each in self._of("Account", names) if each.subject == f"Account/{name}"]
        if not found and (unclear := self._findings(names)):
            self.refuse(unclear)
        mine = [each for each in patches if each.subject == f"Account/{name}"]
        return [self.checked(each, mine) for each in found]

    def checked(self, document: Document | None, patches: list[Document]) -> Entry:
        """The resource with its patches. Raises `NotValid`."""
        merged, findings = overlay.apply([document] if document else [], patches)
        if findings or not merged:
            self.refuse(findings)
        resource, wrong = check(merged[0])
        if not isinstance(resource, AnyResource):
            self.refuse(wrong)
        return Entry(resource, merged[0])

    def refuse(self, findings: Iterable[Diagnostic]) -> NoReturn:
        """Raises `NotValid`."""
        raise NotValid(map(redacted, findings), self.texts.texts)

    def _parse(self, names: Iterable[str], kind: str) -> None:
        """Parses the files that may hold a kind. One at a time: no limit of all files together applies, and none is kept."""
        for name in names:
            if name in self.texts.asked:
                continue
            for _, content in self.origin.read([name]):
                if not isinstance(content, bytes) or _MAY_HOLD[kind].search(content):
                    self.texts.take(name, content)

    def _of(self, kind: str, names: Iterable[str]) -> Iterator[Document]:
        for name in names:
            yield from (each for each in self.texts.documents.get(name, ()) if each.data.get("kind") == kind)

    def _findings(self, names: Iterable[str]) -> list[Diagnostic]:
        return [each for name in names for each in self.texts.findings.get(name, ())]

    def _only(self, found: list[Document]) -> Document | None:
        if len(found) > 1:
            first = found[0].top
            detail = f"A Project is already declared in {first.path}:{first.line}. Keep one."
            self.refuse(diagnose("R103", each.top, detail, subject=each.subject) for each in found[1:])
        return found[0] if found else None
