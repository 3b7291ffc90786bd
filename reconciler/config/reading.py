"""What is read of a project's files: documents by file, which files a Project chooses, the overlay of an environment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from reconciler.config.files import ENVIRONMENTS, SUFFIXES, Origin, chosen
from reconciler.config.keys import find_keys, redact
from reconciler.config.parse import Document, parse
from reconciler.config.remembered import Remembered
from reconciler.diagnostics import Diagnostic, Source, diagnose, did_you_mean
from reconciler.resources.resource import Project
from reconciler.values.identity import NAME_PATTERN


@dataclass
class Texts:
    """What was parsed, by file. `findings` are about the text alone: no resource has been checked yet."""

    documents: dict[str, list[Document]] = field(default_factory=dict)
    findings: dict[str, list[Diagnostic]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    remembered: Remembered | None = None

    def read(self, origin: Origin, names: Iterable[str]) -> None:
        """Parses the files that weren't yet."""
        wanted = [each for each in names if each not in self.asked]
        self.asked.update(wanted)
        contents = list(origin.read(wanted))
        if self.remembered is not None:
            self.remembered.expect(sum(len(each) for _, each in contents if isinstance(each, bytes)))
        for name, content in contents:
            self.take(name, content)

    def take(self, name: str, content: bytes | Diagnostic) -> None:
        """Parses one file that was read, or notes why it wasn't."""
        self.asked.add(name)
        if not isinstance(content, bytes):
            self.documents[name], self.findings[name] = [], [content]
            return
        text = content.decode("utf-8", "replace")
        self.texts[name] = text
        known = self.remembered.documents(name, content, text) if self.remembered is not None else None
        if known is not None:
            self.documents[name], self.findings[name] = known, []
            return
        self.documents[name], self.findings[name] = parse(content, name)
        self.findings[name] += find_keys(name, text)
        if self.remembered is not None and not self.findings[name]:
            self.remembered.keep_documents(content, self.documents[name])


def redacted(finding: Diagnostic) -> Diagnostic:
    """No finding repeats a key, wherever the sentence got it from."""
    return replace(finding, detail=redact(finding.detail), subject=redact(finding.subject))


def holds_project(documents: Iterable[Document]) -> bool:
    """Whether a Project is among them."""
    return any(document.data.get("kind") == Project.__name__ for document in documents)


def selection(documents: Mapping[str, list[Document]]) -> tuple[list[str] | None, list[str]]:
    """`include` and `exclude` of the first Project, as far as they have their form: the rest is judged later."""
    for name in sorted(documents):
        for document in documents[name]:
            spec = document.data.get("spec")
            if document.data.get("kind") == Project.__name__ and isinstance(spec, dict):
                include, exclude = _globs(spec.get("include")), _globs(spec.get("exclude"))
                return include, exclude or []
    return None, []


def excluded(findings: list[Diagnostic], include: list[str] | None, exclude: list[str]) -> set[str]:
    """Paths of findings about files that aren't configuration."""
    paths = [each.source.path for each in findings]
    return set(paths) - set(chosen(paths, include, exclude))


def overlays(origin: Origin, environment: str | None, texts: Texts, diagnostics: list[Diagnostic]) -> list[str]:
    """The files of the environment's overlay, read."""
    if environment is None:
        return []
    if not re.fullmatch(NAME_PATTERN[1:-1], environment):
        diagnostics.append(
            diagnose("R116", Source(ENVIRONMENTS), "An environment's name has a-z, 0-9 and hyphens, at most 63.")
        )
        return []
    names = [f"{ENVIRONMENTS}/{environment}{suffix}" for suffix in SUFFIXES]
    known = origin.environments()
    present = [name for name in names if name in known]
    if not present:
        stems = sorted({name.rpartition("/")[2].rpartition(".")[0] for name in known})
        there = f" There are: {', '.join(stems[:10])}." if stems else " The project has no environments."
        hint = did_you_mean(environment, stems) or there
        diagnostics.append(diagnose("R116", Source(ENVIRONMENTS), f"There is no {names[0]}.{hint}"))
    texts.read(origin, present)
    return present


def _globs(value: object) -> list[str] | None:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else None
