"""Fields of a kind, flattened: nothing that documents hold is missing, and each line says what its schema says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.catalog.local import LOCAL
from reconciler.catalog.s3 import S3
from reconciler.catalog.sftp import SFTP
from reconciler.config.fields import Field, account_fields, connection_fields, fields
from reconciler.config.schemas import inlined, schema_of
from reconciler.resources.account import ACCOUNT_TYPES
from reconciler.resources.resource import KINDS
from tests.config.support import SAMPLE

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").rglob("*.yaml"))


def of(kind: str) -> dict[str, list[Field]]:
    found: dict[str, list[Field]] = {}
    for each in fields(inlined(schema_of(kind))):
        found.setdefault(each.path, []).append(each)
    return found


def paths(value: Any, path: str = "") -> Iterator[str]:
    """Dotted paths of everything in a document."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for inner in value:
            yield from paths(inner, f"{path}[]")
    yield path


def test_every_field_of_every_example_has_its_line() -> None:
    texts = [SAMPLE, *(path.read_text("utf-8") for path in EXAMPLES if ".github" not in path.parts)]
    documents = [each for text in texts for each in yaml.load_all(text, yaml.BaseLoader)]
    assert len(documents) > 20
    for document in documents:
        lines = of(document["kind"])
        known = {path.replace("[]", "") for path in lines}
        secrets = [f"{path}." for path, found in lines.items() if found[0].secret]
        maps = {each.path for each in fields(inlined(schema_of(document["kind"]))) if each.value.startswith("map of")}
        for path in filter(None, paths(document)):
            if path.startswith(tuple(secrets)):
                continue
            plain = path.replace("[]", "")
            for each in maps:
                if plain.startswith(f"{each}."):
                    rest = plain.removeprefix(f"{each}.").split(".")[1:]
                    plain = ".".join([each, "NAME", *rest]) if rest else each
            assert plain in known, path


@pytest.mark.parametrize("kind", KINDS)
def test_no_line_stands_twice(kind: str) -> None:
    lines = fields(inlined(schema_of(kind)))
    assert len(set(lines)) == len(lines)
    assert all(each.value and "any value" not in each.value for each in lines)


def test_what_all_variants_have_stands_once_and_what_some_have_names_them() -> None:
    schedule = of("Schedule")
    (zone,) = schedule["spec.timezone"]
    assert (zone.when, zone.default) == ("", "UTC")
    (every,) = schedule["spec.every"]
    assert (every.when, every.required) == ("frequency: hourly", True)
    (time,) = schedule["spec.time"]
    assert time.when == "frequency: hourly or daily or weekly or monthly or once"


def test_choices_within_choices() -> None:
    (key,) = of("Destination")["spec.connection.encryption.keyId"]
    assert key.when == "type: s3, type: sse-kms"


def test_secrets_are_marked_and_not_opened() -> None:
    account = of("Account")
    secrets = {path for path, lines in account.items() if lines[0].secret}
    assert "spec.auth.assumeRole.externalId" in secrets
    assert not any(path.startswith(f"{secret}.") for path in account for secret in secrets)
    marked = {each.path for name in ACCOUNT_TYPES for each in account_fields(name) if each.secret}
    assert marked == {path.removeprefix("spec.") for path in secrets}


def test_a_connection_by_itself() -> None:
    assert [each.path for each in connection_fields(LOCAL)] == ["path"]
    (bucket,) = [each for each in connection_fields(S3) if each.path == "bucket"]
    assert bucket.required
    assert bucket.pattern.startswith("^(?!xn--)")


def test_bounds_and_lists() -> None:
    (rows,) = of("Destination")["spec.files.maxRows"]
    assert rows.value == "whole number, 1 to 1,000,000,000"
    (accepts,) = of("Destination")["spec.accepts"]
    assert accepts.value == "list of `prospects`, `customers` or `datasets`"
    (keys,) = [each for each in connection_fields(SFTP) if each.path == "hostKeys"]
    assert (keys.value, keys.pattern.startswith("^"), "SHA256" in keys.about) == ("list of text", True, True)
    (columns,) = of("Activation")["spec.columns"]
    assert columns.value == "list of text or object"


@pytest.mark.parametrize("kind", KINDS)
def test_a_secret_says_what_it_is_and_not_what_references_are(kind: str) -> None:
    found = [each for lines in of(kind).values() for each in lines if each.secret]
    assert [each.path for each in found if not each.about] == []
    assert [each.path for each in found if "environment variable" in each.about] == []


@pytest.mark.parametrize("type_name", ACCOUNT_TYPES)
def test_whoever_signs_in_is_told_what_each_field_is(type_name: str) -> None:
    assert [each.path for each in account_fields(type_name) if not each.about and each.value != "name"] == []


@pytest.mark.parametrize("kind", ["Label", "MarketingAction", "Policy", "AlertChannel", "Role"])
def test_whoever_governs_is_told_what_each_field_is(kind: str) -> None:
    lines = [each for named in of(kind).values() for each in named]
    about = [each.path for each in lines if each.path.startswith("spec.") and not each.about]
    assert [path for path in about if path not in ("spec.type", "spec.destinationSelector.matchLabels")] == []
