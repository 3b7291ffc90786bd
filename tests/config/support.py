"""A sample project on disk, changed by one edit, and what is found in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from reconciler.config.load import Loaded, load
from reconciler.diagnostics import Diagnostic

SAMPLE = (Path(__file__).parent / "samples" / "small.yaml").read_text("utf-8")
HEAD = "apiVersion: reconciler/v1\nkind: {kind}\nmetadata: {{name: {name}}}\n"


def edited(old: str, new: str, text: str = SAMPLE) -> str:
    """The sample with one edit; the old text must stand in it exactly once."""
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the sample"
    return text.replace(old, new)


def document(kind: str, name: str, spec: str = "") -> str:
    """One document."""
    return HEAD.format(kind=kind, name=name) + (f"spec: {spec}\n" if spec else "")


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Writes files below a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def loaded(folder: Path, text: str, **files: str) -> Loaded:
    """What a project of one file (and more) loads to."""
    return load(write(folder, {"all.yaml": text, **files}))


def codes(diagnostics: tuple[Diagnostic, ...] | list[Diagnostic]) -> list[str]:
    """The codes, in order."""
    return [each.code for each in diagnostics]


def marked(text: str, diagnostic: Diagnostic) -> str:
    """The text that a diagnostic's place marks."""
    line = text.split("\n")[diagnostic.source.line - 1]
    start = diagnostic.source.column - 1
    return line[start : start + diagnostic.source.length]
