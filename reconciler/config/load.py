"""The one way in: a project directory, or a git revision of it, to its desired state or to everything that is wrong.

Executes nothing, reads no secret and no data, opens no connection.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from reconciler.cache.folder import NO_CACHE, Cache
from reconciler.collecting import paused
from reconciler.config import overlay
from reconciler.config.check import check
from reconciler.config.defaults import with_defaults
from reconciler.config.desired import Desired
from reconciler.config.files import Directory, Origin, by_default, chosen
from reconciler.config.index import MAX_FINDINGS, Entry
from reconciler.config.invalid import NotValid
from reconciler.config.link import link
from reconciler.config.parse import Document
from reconciler.config.reading import Texts, excluded, holds_project, overlays, redacted, selection
from reconciler.config.remembered import Remembered
from reconciler.config.revision import Revision
from reconciler.diagnostics import Diagnostic, diagnose
from reconciler.resources.resource import AnyResource


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

    def require(self) -> Desired:
        """The desired state. Raises `NotValid` with every finding."""
        if self.desired is None:
            raise NotValid(self.diagnostics, self.files)
        return self.desired


def load(project: Path, environment: str | None = None, cache: Cache = NO_CACHE) -> Loaded:
    """The configuration in a directory, with the overlay of an environment if one is named. `cache`: of earlier reads."""
    return load_from(Directory(project), environment, _remembered(cache, project))


def load_revision(project: Path, revision: str, environment: str | None = None, cache: Cache = NO_CACHE) -> Loaded:
    """The configuration of the directory as it is at a git revision. Raises ConfigInvalid P110."""
    return load_from(Revision(project, revision), environment, _remembered(cache, project))


def _remembered(cache: Cache, project: Path) -> Remembered | None:
    """What is known of the project: of the directory and of its revisions alike."""
    return Remembered(cache, os.path.realpath(project)) if cache.folder is not None else None


@paused()
def load_from(origin: Origin, environment: str | None = None, remembered: Remembered | None = None) -> Loaded:
    """The configuration that an origin holds."""
    names, findings = origin.names(hidden=False)
    names = [name for name in names if by_default(name)]
    texts = Texts(remembered=remembered)
    texts.read(origin, names)
    include, exclude = selection(texts.documents)
    if include is not None:
        names, findings = origin.names(hidden=True)
    kept = chosen(names, include, exclude)
    kept = sorted({*kept, *(name for name, documents in texts.documents.items() if holds_project(documents))})
    texts.read(origin, kept)
    diagnostics = [each for each in findings if each.source.path not in excluded(findings, include, exclude)]
    patched = overlays(origin, environment, texts, diagnostics)
    documents = [document for name in kept for document in texts.documents.get(name, ())]
    for name in (*kept, *patched):
        diagnostics += texts.findings.get(name, ())
    patches = [document for name in patched for document in texts.documents.get(name, ())]
    documents, wrong = overlay.apply(documents, patches)
    return _finish(documents, [*diagnostics, *wrong], texts, origin, environment)


def _finish(
    documents: list[Document],
    diagnostics: list[Diagnostic],
    texts: Texts,
    origin: Origin,
    environment: str | None,
) -> Loaded:
    entries: list[Entry] = []
    broken = [each.subject for found in texts.findings.values() for each in found if each.subject]
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
            broken.append(document.subject)
    remembered = texts.remembered
    unread = any(each.code.startswith("Y") and not each.subject for each in diagnostics)
    desired, wrong = link(
        with_defaults(entries), broken, origin=origin, environment=environment, unread=unread, remembered=remembered
    )
    if remembered is not None:
        remembered.save()
    found = tuple(sorted({redacted(each) for each in (*diagnostics, *wrong)}))
    valid = not any(each.severity == "error" for each in found)
    return Loaded(desired if valid else None, found, MappingProxyType(texts.texts))
