"""Documents to resources: the JSON Schema of each kind decides, the models read what it let through.

A predicate made from the same schema lets sound documents through; jsonschema is asked, and imported, for the others.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from pydantic import ValidationError as ModelError

from reconciler.catalog.base import DestinationType
from reconciler.catalog.plugins import PluginError, find, installed
from reconciler.catalog.types import TYPES
from reconciler.config.parse import Document, Path
from reconciler.config.predicate import predicate_for
from reconciler.diagnostics import Diagnostic, diagnose, did_you_mean
from reconciler.resources.destination import CONFIGURATION
from reconciler.resources.resource import API_VERSION, KINDS
from reconciler.values.base import Value

MAX_ERRORS = 100
_TYPE: Path = ("spec", "type")


def check(document: Document) -> tuple[Value | None, list[Diagnostic]]:
    """The resource of a document, or None and why it isn't one."""
    if refused := _envelope(document):
        return None, refused
    kind: str = document.data["kind"]
    named = _unknown_type(document)
    try:
        plug_in = find(named) if named is not None else None
        fits = predicate_for(kind, plug_in)
        if (fits is None or not fits(document.data)) and (wrong := _from_schema(document, kind, named, plug_in)):
            return None, wrong
    except PluginError as error:
        return None, [diagnose("D141", document.at(_TYPE), error.detail, subject=document.subject)]
    try:
        return KINDS[kind].model_validate(document.data, context=CONFIGURATION), []
    except ModelError as error:
        return None, _from_model(document, error)


def _envelope(document: Document) -> list[Diagnostic]:
    """What makes it one of ours: said first and alone, since nothing else can be judged without."""
    version, kind = document.data.get("apiVersion"), document.data.get("kind")
    if version != API_VERSION:
        if "apiVersion" in document.data:
            source, said = document.at(("apiVersion",)), "This document's apiVersion is another."
        else:
            near = any(did_you_mean(key, ["apiVersion"]) for key in document.data)
            source = document.top
            said = "This document has no apiVersion." + (" Did you mean to write apiVersion?" if near else "")
        detail = f"{said} What is read says apiVersion: {API_VERSION}; leave other files out with Project.spec.exclude."
        return [diagnose("C108", source, detail, subject=document.subject)]
    if not isinstance(kind, str) or kind not in KINDS:
        source = document.at(("kind",)) if "kind" in document.data else document.top
        hint = did_you_mean(kind, KINDS) if isinstance(kind, str) else ""
        return [diagnose("C107", source, f"The kinds are {', '.join(KINDS)}.{hint}", subject=document.subject)]
    return []


def _unknown_type(document: Document) -> str | None:
    """The destination type that a document names, if it isn't a built-in one."""
    spec = document.data.get("spec") if document.data["kind"] == "Destination" else None
    named = spec.get("type") if isinstance(spec, dict) else None
    return named if isinstance(named, str) and named not in TYPES else None


def _from_schema(document: Document, kind: str, named: str | None, plug_in: DestinationType | None) -> list[Diagnostic]:
    """What jsonschema says; of a type that nobody knows, what can be done."""
    from reconciler.config.translate import translate
    from reconciler.config.validator import validator_for

    errors = list(islice(validator_for(kind, plug_in).iter_errors(document.data), MAX_ERRORS))
    if named is None or plug_in is not None:
        return translate(document, errors, plug_in) if errors else []
    others = [each for each in errors if tuple(each.absolute_path) != _TYPE]
    known = [*TYPES, *(each for each in installed() if each not in TYPES)]
    hint = did_you_mean(named, known) or f" There are: {', '.join(known)}."
    detail = f"No destination type has this name.{hint} If a package adds it, install that where reconcile runs."
    return [
        diagnose("R140", document.at(_TYPE), detail, subject=document.subject),
        *(translate(document, others, plug_in) if others else []),
    ]


def _from_model(document: Document, error: ModelError) -> list[Diagnostic]:
    """What a schema can't say, said by a model's own validators. Their messages name no value."""
    errors = error.errors(include_input=False, include_url=False)
    found = [(_path(document.data, each["loc"]), each["msg"], each["type"] == "value_error") for each in errors]
    ruled = {path for path, _, by_rule in found if by_rule}
    findings: list[Diagnostic] = []
    for path, message, by_rule in found:
        deeper = any(len(other) > len(path) and other[: len(path)] == path for other, _, _ in found)
        if deeper or (path in ruled and not by_rule):
            continue  # the complaint of another variant of a union
        said = message.removeprefix("Value error, ")
        stop = "" if said.endswith((".", "?")) else "."
        detail = f"{said[:1].upper()}{said[1:]}{stop}"
        findings.append(diagnose("C110", document.at(path), detail, subject=document.subject))
    return findings


def _path(data: Any, location: tuple[str | int, ...]) -> Path:
    """The path in the document: pydantic's locations also name variants of unions."""
    path: Path = ()
    for step in location:
        is_key = isinstance(data, dict) and step in data
        if is_key or (isinstance(data, list) and isinstance(step, int) and step < len(data)):
            path, data = (*path, step), data[step]
    return path
