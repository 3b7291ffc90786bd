"""Overlays: `environments/<name>.yaml` patches resources by kind and name, after parsing and before checking.

Mappings are merged, anything else replaces what was there, a list as a whole; nothing behind a key (null) removes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from reconciler.config.parse import Document, Patch, Path
from reconciler.diagnostics import Diagnostic, diagnose, did_you_mean
from reconciler.resources.resource import API_VERSION

_FIXED: tuple[Path, ...] = (("apiVersion",), ("kind",), ("metadata", "name"))


@dataclass
class _Merge:
    """One document's merge with one patch."""

    overlay: Document
    patches: list[Patch]

    def mapping(self, base: dict[str, Any], patch: dict[str, Any], path: Path) -> dict[str, Any]:
        merged = dict(base)
        for key, value in patch.items():
            here = (*path, key)
            if here in _FIXED:
                continue
            if value is None:
                merged.pop(key, None)
                continue
            below = merged.get(key)
            if isinstance(value, dict) and isinstance(below, dict):
                merged[key] = self.mapping(below, value, here)
            else:
                merged[key] = self.mapping({}, value, here) if isinstance(value, dict) else value
                self.patches.append(Patch(here, self.overlay, here))
        return merged


def apply(documents: list[Document], overlays: Iterable[Document]) -> tuple[list[Document], list[Diagnostic]]:
    """The documents with each overlay's patch merged in, and what is wrong with the overlays."""
    by_identity = {identity: at for at, each in reversed(list(enumerate(documents))) if (identity := _identity(each))}
    patched = list(documents)
    findings: list[Diagnostic] = []
    done: dict[tuple[str, str], Document] = {}
    for overlay in overlays:
        identity = _identity(overlay)
        problem = _problem(overlay, identity, by_identity, done)
        if problem is not None or identity is None:
            findings += [problem] if problem else []
            continue
        done[identity] = overlay
        base = patched[by_identity[identity]]
        merge = _Merge(overlay, list(base.patches))
        data = merge.mapping(base.data, overlay.data, ())
        patched[by_identity[identity]] = replace(base, data=data, patches=tuple(merge.patches))
    return patched, findings


def _problem(
    overlay: Document,
    identity: tuple[str, str] | None,
    known: dict[tuple[str, str], int],
    done: dict[tuple[str, str], Document],
) -> Diagnostic | None:
    if overlay.data.get("apiVersion") != API_VERSION:
        return diagnose("C108", overlay.top, f"An overlay's documents say apiVersion: {API_VERSION}, as resources do.")
    if identity is None:
        return diagnose("R115", overlay.top, "A patch names its target by kind and metadata.name. Add them.")
    kind, name = identity
    if identity not in known:
        names = [each for of, each in known if of == kind]
        detail = f"There is no {kind} {name} to patch.{did_you_mean(name, names)}"
        return diagnose("R115", overlay.at(("metadata", "name")), detail, subject=overlay.subject)
    if identity in done:
        first = done[identity].top
        detail = f"{kind} {name} is already patched in {first.path}:{first.line}. Merge the two patches."
        return diagnose("R102", overlay.top, detail, subject=overlay.subject)
    spec = overlay.data.get("spec")
    if (
        kind == "Project"
        and isinstance(spec, dict)
        and (fixed := [key for key in ("include", "exclude") if key in spec])
    ):
        detail = f"{fixed[0]} decides which files are read, before any overlay is. Set it in the Project itself."
        return diagnose("C110", overlay.at(("spec", fixed[0]), key=True), detail, subject=overlay.subject)
    return None


def _identity(document: Document) -> tuple[str, str] | None:
    kind, _, name = document.subject.partition("/")
    return (kind, name) if name else None
