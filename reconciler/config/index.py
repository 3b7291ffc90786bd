"""All resources of a project by kind and name, and the findings about them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from reconciler.config.parse import Document, Path
from reconciler.diagnostics import Diagnostic, Source, diagnose, did_you_mean
from reconciler.resources.resource import AnyResource

MAX_FINDINGS = 1_000
ResourceT = TypeVar("ResourceT", bound=AnyResource)


@dataclass(frozen=True, slots=True)
class Entry:
    """A resource with its document."""

    resource: AnyResource
    document: Document

    @property
    def name(self) -> str:
        """`metadata.name`."""
        return self.resource.metadata.name

    @property
    def place(self) -> str:
        """`path:line`, for a sentence."""
        top = self.document.top
        return f"{top.path}:{top.line}"


@dataclass
class Index:
    """Resources by kind and name. `broken`: names of documents that were refused: references to them are quiet. `unread`: not all that
    stands in the files could be read, so that anything may be there."""

    broken: frozenset[tuple[str, str]] = frozenset()
    unread: bool = False
    entries: dict[tuple[str, str], Entry] = field(default_factory=dict)
    findings: set[Diagnostic] = field(default_factory=set)
    full: bool = False
    _by_kind: dict[str, list[Entry]] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: Iterable[Entry], broken: Iterable[str], *, unread: bool = False) -> Index:
        """The index, with duplicate names reported. `broken`: `Audience/us` for each document that was refused."""
        identities = (each.partition("/") for each in broken)
        index = cls(frozenset((kind, name) for kind, _, name in identities), unread)
        for entry in entries:
            key = (entry.resource.kind, entry.name)
            if (first := index.entries.get(key)) is not None:
                detail = f"{key[0]} {entry.name} is already declared in {first.place}. Rename one, or remove the copy."
                index.report("R102", entry, ("metadata", "name"), detail)
                continue
            index.entries[key] = entry
        for (of, _), entry in sorted(index.entries.items()):
            index._by_kind.setdefault(of, []).append(entry)
        return index

    def report(self, code: str, entry: Entry, path: Path, detail: str, *, key: bool = False) -> None:
        """Notes a finding at a path of a resource."""
        if not self._is_full(entry):
            self.note(code, entry.document.at(path, key=key), detail, entry)

    def note(self, code: str, source: Source, detail: str, entry: Entry) -> None:
        """Notes a finding at a place."""
        if not self._is_full(entry):
            self.findings.add(diagnose(code, source, detail, subject=entry.document.subject))

    def _is_full(self, entry: Entry) -> bool:
        """Whether the limit is reached; says so once."""
        if len(self.findings) >= MAX_FINDINGS and not self.full:
            self.full = True
            detail = f"More than {MAX_FINDINGS:,} findings: the rest isn't listed."
            self.findings.add(diagnose("C112", entry.document.top, detail))
        return self.full

    def all(self, kind: type[ResourceT]) -> Iterator[tuple[Entry, ResourceT]]:
        """All of a kind, by name."""
        for entry in self._by_kind.get(kind.__name__, ()):
            if isinstance(entry.resource, kind):
                yield entry, entry.resource

    def named(self, kind: type[ResourceT]) -> dict[str, ResourceT]:
        """All of a kind, by name, in the names' order."""
        return {entry.name: resource for entry, resource in self.all(kind)}

    def resolve(self, kind: type[ResourceT], name: str, entry: Entry, path: Path) -> ResourceT | None:
        """What a reference names; None, with a finding, if there is no such resource."""
        found = self.get(kind, name)
        if found is None and not self.refused(kind.__name__, name) and not self._is_full(entry):
            names = [each for of, each in self.entries if of == kind.__name__]
            hint = did_you_mean(name, names) or (f" Declared: {_listed(names)}." if names else " None is declared.")
            self.report("R101", entry, path, f"There is no {kind.__name__} {name}.{hint}")
        return found

    def refused(self, kind: str, name: str | None = None) -> bool:
        """Whether a resource, or any of a kind, may be declared in what was refused or couldn't be read."""
        return self.unread or any(of == kind and name in (None, each) for of, each in self.broken)

    def get(self, kind: type[ResourceT], name: str) -> ResourceT | None:
        """A resource by name."""
        entry = self.entries.get((kind.__name__, name))
        return entry.resource if entry is not None and isinstance(entry.resource, kind) else None

    def entry(self, resource: AnyResource) -> Entry:
        """The entry of a resource of this index."""
        return self.entries[resource.kind, resource.metadata.name]


def _listed(names: list[str]) -> str:
    shown = sorted(names)[:10]
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(names) > len(shown) else "")
