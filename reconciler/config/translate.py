"""Schema errors to diagnostics: where it is, what is wrong in the project's words, and the mend.

A value is repeated only where a closed list was expected, and never if it looks like a key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from jsonschema import ValidationError

from reconciler.catalog.base import DestinationType
from reconciler.config.keys import looks_like_key
from reconciler.config.parse import Document, Path
from reconciler.config.plugged import inlined_of
from reconciler.config.schemas import SECRET
from reconciler.diagnostics import Diagnostic, Source, diagnose, did_you_mean

_TYPES = {
    "string": "text",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "object": "a mapping",
    "array": "a list",
    "null": "nothing",
}
_MAX_KEYS = 20
_SECRET_FORMS = (
    "Write exactly one of these forms: {fromEnv: …}; {fromFile: …}; {fromAwsSecret: …}, with key: … if it holds JSON."
)
_SECRET_MEND = (
    "Write {fromEnv: NAME}, {fromFile: PATH} or {fromAwsSecret: ARN, key: KEY}. What stands here isn't repeated; if it was real, "
    "revoke it."
)


def translate(
    document: Document, errors: Iterable[ValidationError], plug_in: DestinationType | None = None
) -> list[Diagnostic]:
    """The diagnostics of a document's schema errors, sorted, each once. `plug_in`: the type whose schema was asked too."""
    found: set[Diagnostic] = set()
    for error in errors:
        path: Path = tuple(error.absolute_path)
        private = _in_secret(document.data["kind"], error, plug_in)
        for code, source, detail in _Error(document, error, path, private).findings():
            found.add(diagnose(code, source, detail, subject=document.subject, private=private))
    return sorted(found)


def _in_secret(kind: str, error: ValidationError, plug_in: DestinationType | None) -> bool:
    """Whether a secret's reference stands where the error is, or around it: what is wrong there may be the secret."""
    schema: Any = inlined_of(kind, plug_in)
    for step in (*error.absolute_schema_path, None):
        if isinstance(schema, dict) and schema.get("$comment") == SECRET:
            return True
        try:
            schema = schema[step] if step is not None else schema
        except (KeyError, IndexError, TypeError):
            return True  # rather one line too few is shown
    return False


Finding = tuple[str, Source, str]


class _Error:
    """One schema error of a document."""

    def __init__(self, document: Document, error: ValidationError, path: Path, private: bool) -> None:
        self.document = document
        self.error = error
        self.path = path
        self.private = private
        self.schema: dict[str, Any] = error.schema if isinstance(error.schema, dict) else {}
        self.instance: Any = error.instance
        self.value: Any = error.validator_value

    def findings(self) -> Iterator[Finding]:
        """What to report; nothing where another error says it better."""
        match self.error.validator:
            case "additionalProperties" | "unevaluatedProperties":
                yield from self._unknown_keys()
            case "required":
                yield from self._missing_key()
            case "type":
                yield self._wrong_type([self.value] if isinstance(self.value, str) else self.value)
            case "anyOf":
                yield self._no_form()
            case "enum" | "const":
                yield self._choice(self.value if self.error.validator == "enum" else [self.value])
            case "pattern":
                yield self._malformed()
            case "uniqueItems":
                yield "C111", self.document.at(self.path), "The list names a value twice. Name each once."
            case _:
                yield self._range()

    def _unknown_keys(self) -> Iterator[Finding]:
        known = self.schema.get("properties", {})
        if self.private:
            yield "C109", self.document.at(self.path), _SECRET_FORMS
            return
        unknown = [key for key in self.instance if key not in known]
        otherwise = f" Keys here: {', '.join(known)}." if known else " No key is taken here."
        for key in unknown[:_MAX_KEYS]:
            detail = f"There is no key {_quoted(key)} here.{did_you_mean(key, known) or otherwise}"
            yield "C101", self.document.at((*self.path, key), key=True), detail
        if len(unknown) > _MAX_KEYS:
            more = f"There are {len(unknown) - _MAX_KEYS:,} more unknown keys here."
            yield "C101", self.document.at(self.path, key=True), more

    def _missing_key(self) -> Iterator[Finding]:
        known = self.schema.get("properties", {})
        wrong = [key for key in self.instance if key not in known][:_MAX_KEYS]
        missing = next((key for key in self.value if f"'{key}'" in self.error.message), None)
        if missing is None or any(did_you_mean(key, [missing]) for key in wrong):
            return  # the unknown key is reported, with this one as its mend
        where = f" to {self.path[-1]}" if self.path and isinstance(self.path[-1], str) else ""
        about = known.get(missing, {})
        choices = about.get("enum")
        hint = f" One of: {', '.join(map(str, choices))}." if choices else ""
        source = self.document.at(self.path, key=True) if self.path else self.document.top
        yield "C102", source, f"The key {missing} is missing. Add it{where}.{hint}"

    def _wrong_type(self, expected: list[str]) -> Finding:
        if self._secret():
            return self._literal_secret()
        wanted = " or ".join(_TYPES[each] for each in expected)
        mend = ""
        if "string" in expected and not isinstance(self.instance, dict | list | type(None)):
            mend = " Put it in quotes."
        elif self.instance is None:
            mend = " Write a value, or remove the key."
        return "C103", self.document.at(self.path), f"This must be {wanted}, not {_kind_of(self.instance)}.{mend}"

    def _no_form(self) -> Finding:
        if self._secret() and not isinstance(self.instance, dict):
            return self._literal_secret()
        if self._secret():
            return "C109", self.document.at(self.path), _SECRET_FORMS
        forms = [_form(branch) for branch in self.value]
        place = self.document.at(self.path)
        if isinstance(self.instance, dict) and any(branch.get("type") == "object" for branch in self.value):
            return "C109", place, f"Write exactly one of these forms: {'; '.join(forms)}."
        return "C103", place, f"This must be {' or '.join(forms)}, not {_kind_of(self.instance)}."

    def _choice(self, choices: list[Any]) -> Finding:
        place = self.document.at(self.path)
        listed = ", ".join(str(each) for each in choices)
        if not isinstance(self.instance, str):
            return "C104", place, f"This must be one of: {listed}."
        hint = did_you_mean(self.instance, [each for each in choices if isinstance(each, str)])
        return "C104", place, f"{_quoted(self.instance)} isn't one of: {listed}.{hint}"

    def _malformed(self) -> Finding:
        about = self.schema.get("description")
        wanted = about if about else f"Expected the form {self.value}"
        key = "propertyNames" in self.error.absolute_schema_path
        place = self.document.at((*self.path, self.instance), key=True) if key else self.document.at(self.path)
        return "C105", place, f"The {'key' if key else 'text'} isn't in the form needed. {wanted.rstrip('.')}."

    def _range(self) -> Finding:
        name = str(self.error.validator)
        texts = {
            "minimum": "The smallest value is {}.",
            "maximum": "The largest value is {}.",
            "exclusiveMinimum": "The value must be greater than {}.",
            "exclusiveMaximum": "The value must be less than {}.",
            "minLength": "The text needs {} characters at least.",
            "maxLength": "The text may have {} characters at most.",
            "minItems": "The list needs {} entries at least.",
            "maxItems": "The list may have {} entries at most.",
            "minProperties": "The mapping needs {} keys at least.",
            "maxProperties": "The mapping may have {} keys at most.",
        }
        place = self.document.at(self.path)
        if name in texts:
            number = f"{self.value:,}" if isinstance(self.value, int) else str(self.value)
            return "C106", place, texts[name].format(number)
        return "C109", place, f"The value doesn't satisfy the schema's {name}."

    def _secret(self) -> bool:
        return self.schema.get("$comment") == SECRET

    def _literal_secret(self) -> Finding:
        return "S101", self.document.at(self.path), f"A secret is named here, never written. {_SECRET_MEND}"


def _quoted(text: str) -> str:
    if looks_like_key(text):
        return "that looks like a secret"
    return f'"{text}"' if len(text) <= 60 else f'"{text[:60]}…"'


def _kind_of(value: Any) -> str:
    if value is None:
        return "empty"
    names: tuple[tuple[type, str], ...] = (
        (bool, "true or false"),
        (int, "a number"),
        (float, "a number"),
        (str, "text"),
        (dict, "a mapping"),
    )
    return next((name for kind, name in names if isinstance(value, kind)), "a list")


def _form(branch: dict[str, Any]) -> str:
    if "enum" in branch:
        return "one of " + ", ".join(map(str, branch["enum"]))
    if branch.get("type") == "object":
        needed = branch.get("required", [])
        return "{" + ", ".join(f"{key}: …" for key in needed or branch.get("properties", {})) + "}"
    return _TYPES.get(str(branch.get("type")), "a value")
