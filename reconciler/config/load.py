"""The one way in: a project directory, or a git revision of it, to its desired state or to everything that is wrong.

Executes nothing, reads no secret and no data, opens no connection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from reconciler.config import overlay
from reconciler.config.check import check
from reconciler.config.desired import Desired
from reconciler.config.files import (
    ENVIRONMENTS,
    SUFFIXES,
    Directory,
    Origin,
    by_default,
    chosen,
)
from reconciler.config.index import MAX_FINDINGS, AnyResource, Entry
from reconciler.config.keys import find_keys, redact
from reconciler.config.link import link
from reconciler.config.parse import Document, parse
from reconciler.config.revision import Revision
from reconciler.diagnostics import Diagnostic, Source, diagnose, did_you_mean
from reconciler.resources.resource import Project
from reconciler.values.identity import NAME_PATTERN


@dataclass(frozen=True, slots=True)
class Loaded:
    """`desired` is None if there is any error. `diagnostics` are sorted by place. `files`: path to text, to quote."""

    desired: Desired | None
    diagnostics: tuple[Diagnostic, ...]
    files: Mapping[str, str] = field(repr=False)

    @property
    def errors(self) -> int:
        """How many findings are errors."""
        return sum(1 for each in self.diagnostics if each.severity == "error")


@dataclass
class _Texts:
    """What was parsed, by file."""

    documents: dict[str, list[Document]] = field(default_factory=dict)
    findings: dict[str, list[Diagnostic]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)

    def read(self, origin: Origin, names: Iterable[str]) -> None:
        """Parses the files that weren't yet."""
        wanted = [each for each in names if each not in self.asked]
        self.asked.update(wanted)
        for name, content in origin.read(wanted):
            if not isinstance(content, bytes):
                self.documents[name], self.findings[name] = [], [content]
                continue
            text = content.decode("utf-8", "replace")
            self.texts[name] = text
            self.documents[name], self.findings[name] = parse(content, name)
            self.findings[name] += find_keys(name, text)


def load(project: Path, environment: str | None = None) -> Loaded:
    """The configuration in a directory, with the overlay of an environment if one is named."""
    return load_from(Directory(project), environment)


def load_revision(project: Path, revision: str, environment: str | None = None) -> Loaded:
    """The configuration of the directory as it is at a git revision. Raises ConfigInvalid P110."""
    return load_from(Revision(project, revision), environment)


def load_from(origin: Origin, environment: str | None = None) -> Loaded:
    """The configuration that an origin holds."""
    names, findings = origin.names(hidden=False)
    names = [name for name in names if by_default(name)]
    texts = _Texts()
    texts.read(origin, names)
    include, exclude = _selection(texts.documents)
    if include is not None:
        names, findings = origin.names(hidden=True)
    kept = chosen(names, include, exclude)
    kept = sorted({*kept, *(name for name, documents in texts.documents.items() if _holds_project(documents))})
    texts.read(origin, kept)
    diagnostics = [each for each in findings if each.source.path not in _excluded(findings, include, exclude)]
    overlays = _overlays(origin, environment, texts, diagnostics)
    documents = [document for name in kept for document in texts.documents.get(name, ())]
    for name in (*kept, *overlays):
        diagnostics += texts.findings.get(name, ())
    patches = [document for name in overlays for document in texts.documents.get(name, ())]
    documents, wrong = overlay.apply(documents, patches)
    return _finish(documents, [*diagnostics, *wrong], texts.texts, origin, environment)


def _finish(
    documents: list[Document],
    diagnostics: list[Diagnostic],
    texts: dict[str, str],
    origin: Origin,
    environment: str | None,
) -> Loaded:
    entries: list[Entry] = []
    broken: list[Document] = []
    for document in documents:
        if len(diagnostics) > MAX_FINDINGS:
            detail = f"Here and after, nothing was checked: {MAX_FINDINGS:,} findings are listed already."
            diagnostics.append(diagnose("C112", document.top, detail))
            break
        resource, wrong = check(document)
        diagnostics += wrong
        if isinstance(resource, AnyResource):
            entries.append(Entry(resource, document))
        else:
            broken.append(document)
    desired, wrong = link(entries, broken, root=origin.root, environment=environment)
    found = tuple(sorted({_redacted(each) for each in (*diagnostics, *wrong)}))
    valid = not any(each.severity == "error" for each in found)
    return Loaded(desired if valid else None, found, MappingProxyType(texts))


def _redacted(finding: Diagnostic) -> Diagnostic:
    """No finding repeats a key, wherever the sentence got it from."""
    return replace(finding, detail=redact(finding.detail), subject=redact(finding.subject))


def _holds_project(documents: list[Document]) -> bool:
    return any(document.data.get("kind") == Project.__name__ for document in documents)


def _selection(documents: Mapping[str, list[Document]]) -> tuple[list[str] | None, list[str]]:
    """`include` and `exclude` of the first Project, as far as they have their form: the rest is judged later."""
    for name in sorted(documents):
        for document in documents[name]:
            spec = document.data.get("spec")
            if document.data.get("kind") == Project.__name__ and isinstance(spec, dict):
                include, exclude = _globs(spec.get("include")), _globs(spec.get("exclude"))
                return include, exclude or []
    return None, []


def _globs(value: object) -> list[str] | None:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else None


def _excluded(findings: list[Diagnostic], include: list[str] | None, exclude: list[str]) -> set[str]:
    paths = [each.source.path for each in findings]
    return set(paths) - set(chosen(paths, include, exclude))


def _overlays(origin: Origin, environment: str | None, texts: _Texts, diagnostics: list[Diagnostic]) -> list[str]:
    """The files of the environment's overlay, read."""
    if environment is None:
        return []
    if not re.fullmatch(NAME_PATTERN[1:-1], environment):
        diagnostics.append(diagnose("R116", Source("."), "An environment's name has a-z, 0-9 and hyphens, at most 63."))
        return []
    names = [f"{ENVIRONMENTS}/{environment}{suffix}" for suffix in SUFFIXES]
    known = origin.environments()
    present = [name for name in names if name in known]
    if not present:
        stems = sorted({name.rpartition("/")[2].rpartition(".")[0] for name in known})
        hint = did_you_mean(environment, stems) or (f" There are: {', '.join(stems[:10])}." if stems else "")
        diagnostics.append(diagnose("R116", Source("."), f"There is no {names[0]}.{hint}"))
    texts.read(origin, present)
    return present
