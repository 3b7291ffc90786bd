"""What differs between two specs, field by field, and whether the cursor survives it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from reconciler.plan.plan import FieldDiff
from reconciler.resources.effective import EffectiveDestination, EffectiveSource, ExportColumn, FlowSpec
from reconciler.resources.template import TemplateError, parse_template
from reconciler.values.base import Value


def differences(before: Value, after: Value) -> tuple[FieldDiff, ...]:
    """Every field that differs, sorted by path: camelCase keys with dots between, columns by the name in the file."""
    return tuple(sorted(_walk("", before.to_json(), after.to_json()), key=lambda each: each.path))


def _walk(path: str, before: object, after: object) -> Iterator[FieldDiff]:
    if before == after:
        return
    if isinstance(before, list) and isinstance(after, list) and _are_columns(before) and _are_columns(after):
        yield from _columns(path, before, after)
    elif isinstance(before, list) and isinstance(after, list) and _are_named(before) and _are_named(after):
        yield from _walk(path, *({each["name"]: each for each in items} for items in (before, after)))
    elif isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}):
            inner = f"{path}.{key}" if path else str(key)
            yield from _walk(inner, before.get(key), after.get(key))
    else:
        yield FieldDiff(path=path, before=_text(before), after=_text(after))


def _are_columns(items: Sequence[object]) -> bool:
    return all(isinstance(item, dict) and item.keys() >= {"name", "type"} for item in items)


def _are_named(items: Sequence[object]) -> bool:
    return all(isinstance(item, dict) and "name" in item for item in items)


def _columns(path: str, before: list[dict[str, object]], after: list[dict[str, object]]) -> Iterator[FieldDiff]:
    old, new = ({each.name: _column(each) for each in map(ExportColumn.model_validate, of)} for of in (before, after))
    for name in {*old, *new}:
        if old.get(name) != new.get(name):
            yield FieldDiff(path=f"{path}.{name}", before=old.get(name), after=new.get(name))
    if [name for name in old if name in new] != [name for name in new if name in old]:
        yield FieldDiff(path=f"{path} (order)", before=", ".join(old), after=", ".join(new))


def _column(each: ExportColumn) -> str:
    return f"{_text(each.constant) if each.column is None else each.column} {each.type}{each.treatment}"


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def place(destination: EffectiveDestination) -> tuple[str, ...]:
    """Where files go. Two destinations with the same place write to the same folder."""
    found = destination.place
    return (*found.store, found.path.rstrip("/") or "/")


def origin(source: EffectiveSource) -> tuple[str, ...]:
    """Where data comes from. Two sources with the same origin read the same files."""
    spec = source.dataset_spec
    realm = source.account.realm if source.account and spec.remote else ""
    return (realm, spec.place.rstrip("/") or "/")


def folder(spec: FlowSpec, source_id: str) -> tuple[str, ...]:
    """What the folders of all runs of a flow have in common below the destination's path: what its readers point at.

    `us/exportTime={slot}` and `us/dt={slot}` have `us` in common, `us-{slot}` and `de-{slot}` have nothing.
    """
    template = spec.destination.spec.files.folder
    try:
        pieces = parse_template(template).pieces
    except TemplateError:
        return (template,)
    known = {
        "destination": spec.destination.name,
        "source": spec.source.name,
        "source_id": source_id,
        "feed": spec.feed or "",
    }
    fixed = ""
    names: tuple[str, ...] = ()
    for piece in pieces:
        if isinstance(piece, str):
            fixed += piece
            names = () if "/" in piece else names
        elif piece.name in known:
            fixed += known[piece.name]
            names = (*names, known[piece.name])
        else:
            return (fixed.rpartition("/")[0], *names)
    return (fixed,)
