"""Text to documents: plain data with a place for every path. Every document of a file is read, every error reported."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from reconciler.config.nodes import Composer, Mark, Node
from reconciler.config.quick import quick_documents
from reconciler.config.scalars import Scalar, resolve
from reconciler.config.text import CONTROL, INVISIBLE, character, decode
from reconciler.diagnostics import Diagnostic, Source, diagnose

Path = tuple[str | int, ...]
_MISSING: Any = object()


@dataclass(frozen=True, slots=True)
class Patch:
    """The value at and below a path was written elsewhere: at `origin_path` of another document (an overlay)."""

    path: Path
    origin: Document
    origin_path: Path


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """One document: its file's `path` (POSIX, below the project), `index` in the file, `data` to be left unchanged.

    Places are found by reading the document's text again, so that ten thousand documents hold no trees.
    """

    path: str
    index: int
    data: Any
    start: Mark
    stop: int
    text: str = field(repr=False)
    patches: tuple[Patch, ...] = ()

    @property
    def subject(self) -> str:
        """`Audience/us`, as far as the document says so."""
        return _subject(self.data)

    @property
    def top(self) -> Source:
        """Where the document begins: cheap."""
        return Source(self.path, self.start.line + 1, 1)

    def at(self, path: Path, *, key: bool = False) -> Source:
        """The place of a value, or of its key. Where the path doesn't exist: of what is nearest above it."""
        document, path = self._origin(path)
        node, key_node = document._find(path)
        if node is None:
            return document.top
        chosen = key_node if key and key_node is not None else node
        return Source(document.path, chosen.start.line + 1, chosen.start.column + 1, _length(document.text, chosen))

    def inside(self, path: Path, offset: int, length: int) -> Source:
        """The place of characters `offset`..`offset + length` of a text value; its start if they can't be found."""
        document, path = self._origin(path)
        node, _ = document._find(path)
        if node is None or node.kind != "scalar":
            return self.at(path)
        found = locate(document.text[node.start.offset : node.end], node, offset)
        if found is None:
            return document.at(path)
        index = node.start.offset + found
        line_start = document.text.rfind("\n", 0, index) + 1
        line_end = document.text.find("\n", index)
        length = min(length, (line_end if line_end >= 0 else len(document.text)) - index)
        line = node.start.line + document.text.count("\n", node.start.offset, index)
        return Source(document.path, line + 1, index - line_start + 1, max(length, 1))

    def _origin(self, path: Path) -> tuple[Document, Path]:
        best: Patch | None = None
        for patch in self.patches:
            under = path[: len(patch.path)] == patch.path
            if under and (best is None or len(patch.path) >= len(best.path)):
                best = patch
        return (self, path) if best is None else best.origin._origin(best.origin_path + path[len(best.path) :])

    def _find(self, path: Path) -> tuple[Node | None, Node | None]:
        root = _tree(self.text, self.start, self.stop)
        node, key_node = root, None
        for step in path:
            found = _step(node, step) if node is not None else None
            if found is None:
                break
            key_node, node = found
        return node, key_node


def parse(raw: bytes, path: str) -> tuple[list[Document], list[Diagnostic]]:
    """All documents of a file's bytes, and all that is wrong with its text. Empty documents are passed over."""
    text, findings = decode(raw, path)
    if text is None:
        return [], findings
    if (plain := quick_documents(text)) is not None:
        return [Document(path, each.number, each.data, each.start, each.stop, text) for each in plain], findings
    return _through_tree(text, path)


def _through_tree(text: str, path: str) -> tuple[list[Document], list[Diagnostic]]:
    """The same for any text, with all that is wrong in it. What is wrong inside of a document names what that is of."""
    composer = Composer(text)
    documents: list[Document] = []
    subjects: dict[int, str] = {}
    for index, tree in enumerate(composer.documents()):
        if tree.root is None:
            continue
        if tree.root.kind != "mapping":
            form = "a list" if tree.root.kind == "sequence" else "a single value"
            composer.problem(
                "Y114", tree.root.start, f"This document is {form}; a resource is a mapping of keys to values."
            )
            continue
        before = len(composer.problems)
        data = _Values(composer).value(tree.root)
        if len(composer.problems) == before:
            documents.append(Document(path, index, data, tree.start, tree.stop, text))
        else:
            subjects |= dict.fromkeys(range(before, len(composer.problems)), _subject(data))
    findings: list[Diagnostic] = []
    for number, problem in enumerate(composer.problems):
        place = Source(path, problem.mark.line + 1, problem.mark.column + 1, problem.length)
        findings.append(diagnose(problem.code, place, problem.detail, subject=subjects.get(number, "")))
    return documents, findings


def _subject(data: Any) -> str:
    """`Audience/us`, as far as a document's data say so."""
    if not isinstance(data, dict):
        return ""
    metadata = data.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    kind = data.get("kind")
    return f"{kind}/{name}" if isinstance(kind, str) and isinstance(name, str) else ""


@dataclass
class _Values:
    """Nodes to plain data. An aliased node becomes the same object in both places."""

    composer: Composer
    _done: dict[int, Any] = field(default_factory=dict)

    def value(self, node: Node) -> Any:
        if node.kind == "scalar":
            return self._scalar(node)
        done = self._done.get(id(node), _MISSING)
        if done is not _MISSING:
            return done
        items = node.items
        data: Any = [self.value(each) for each in items] if node.kind == "sequence" else self._mapping(items)
        self._done[id(node)] = data
        return data

    def _mapping(self, items: list[Node]) -> dict[str, Any]:
        data: dict[str, Any] = {}
        first: dict[str, int] = {}
        for key_node, value_node in zip(items[::2], items[1::2], strict=True):
            key = self._key(key_node)
            value = self.value(value_node)
            if key is None:
                continue
            if key in first:
                self._problem(
                    "Y106", key_node, f"The key {_shown(key)} is already set in line {first[key]}. Keep one of the two."
                )
                continue
            first[key] = key_node.start.line + 1
            data[key] = value
        return data

    def _key(self, node: Node) -> str | None:
        if node.kind != "scalar":
            self._problem("Y107", node, f"A key is text, not a {node.kind}.")
            return None
        # The file's text has been looked at: what is left can only come from an escape, or be a joiner.
        if (node.style == '"' or not node.text.isascii()) and (
            found := INVISIBLE.search(node.text) or CONTROL.search(node.text)
        ):
            self._problem("Y104", node, f"The key contains the character {character(found[0])}.")
            return None
        if node.style == "":
            if node.text == "<<":
                self._problem(
                    "Y112", node, "YAML 1.2 has no merge key. Repeat the keys, or use an alias for a whole value."
                )
                return None
            if not isinstance(self._plain(node), str):
                self._problem(
                    "Y107", node, f'This key isn\'t text. If it is meant as text, write "{node.text[:80]}" in quotes.'
                )
                return None
        return node.text

    def _scalar(self, node: Node) -> Scalar:
        if node.style == "":
            return self._plain(node)
        if node.style == '"' and (found := CONTROL.search(node.text)):
            self._problem("Y103", node, f"The escape stands for {character(found[0])}, which no field takes.")
        return node.text

    def _plain(self, node: Node) -> Scalar:
        try:
            return resolve(node.text)
        except ValueError as error:
            self._problem("Y113", node, f"Here {error}. Put it in quotes if it is text.")
            return node.text

    def _problem(self, code: str, node: Node, detail: str) -> None:
        self.composer.problem(code, node.start, detail, _length(self.composer.text, node))


def _shown(key: str) -> str:
    return key if len(key) <= 60 else f"{key[:60]}…"


def _length(text: str, node: Node) -> int:
    """Characters of the node's first line, without what trails it."""
    end = text.find("\n", node.start.offset, node.end)
    piece = text[node.start.offset : node.end if end < 0 else end]
    return len(piece.rstrip())


def _step(node: Node, step: str | int) -> tuple[Node | None, Node] | None:
    if node.kind == "sequence" and isinstance(step, int) and 0 <= step < len(node.items):
        return None, node.items[step]
    if node.kind == "mapping":
        for key_node, value_node in zip(node.items[::2], node.items[1::2], strict=True):
            if key_node.kind == "scalar" and key_node.text == step:
                return key_node, value_node
    return None


@lru_cache(maxsize=16)
def _tree(text: str, start: Mark, stop: int) -> Node | None:
    """The document that starts at a mark of a text, composed anew, with its places in the whole text."""
    line_start = start.offset - start.column
    composer = Composer(text[line_start:stop], origin=Mark(line_start, start.line, 0))
    return next((tree.root for tree in composer.documents()), None)


def locate(raw: str, node: Node, offset: int) -> int | None:
    """The index in a scalar's written form of the character at `offset` of its value, or None if it can't be told.

    YAML folds white space and nothing else (quotes and escapes aside), so the n-th character that isn't white space is
    the n-th in both forms.
    """
    if node.style == '"' and "\\" in raw:
        return None
    value = node.text
    wanted = sum(1 for char in value[:offset] if not char.isspace())
    exact = offset < len(value) and not value[offset].isspace()
    start = 0
    if node.style in ("|", ">"):
        start = raw.find("\n") + 1
    elif node.style:
        start = 1
    seen = 0
    index = start
    last = start
    while index < len(raw):
        if not raw[index].isspace():
            if seen == wanted and exact:
                return index
            seen += 1
            last = index + 1
            if node.style == "'" and raw[index] == "'":
                index += 1
            if seen == wanted and not exact:
                return last
        index += 1
    return last if not exact else None
