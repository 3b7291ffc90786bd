"""The published schemas: generated from the models, the same for an independent validator, no looser than the models."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from reconciler.config import schemas
from reconciler.config.parse import parse
from reconciler.config.validator import validator_for
from reconciler.errors import UsageError
from reconciler.resources.resource import KINDS
from tests.config.support import SAMPLE

ROOT = Path(__file__).parents[2]
WORDS: list[Any] = [
    None, True, 0, -1, 5, 1.5, 2**40, "", "x", "us-a", "X Y", "prospects", "full", "csv", "parquet", "s3", "local", "daily",
    "02:00", "2026-12-01", "50%", "5m", [], ["mon"], {}, {"fromEnv": "A"}, {"type": "csv"}, {"a": "b"}, "arn:aws:iam::1:role/x", "us\n",
]  # fmt: skip


def sample_documents() -> list[dict[str, Any]]:
    return [each.data for each in parse(SAMPLE.encode(), "x")[0]]


def test_files_are_what_the_models_generate() -> None:
    for name, schema in schemas.generate().items():
        assert (ROOT / "schemas" / "v1" / name).read_text("utf-8") == schemas.text_of(schema), "run scripts/generate.py"


@pytest.mark.parametrize("kind", [*KINDS, None])
def test_each_is_a_valid_schema_complete_in_itself(kind: str | None) -> None:
    schema = schemas.schema_of(kind)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == schemas.DIALECT
    assert '"null"' not in json.dumps(schema)
    for reference in _references(schema):
        assert reference.removeprefix("#/$defs/") in schema["$defs"]


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        for each in part.values():
            yield from _references(each)
    elif isinstance(part, list):
        for each in part:
            yield from _references(each)


def test_an_unknown_kind_has_no_schema() -> None:
    with pytest.raises(UsageError):
        schemas.schema_of("Nothing")


def mutations(count: int) -> Iterator[dict[str, Any]]:
    """The sample's documents with one to three random changes each, the same ones every time."""
    choose = random.Random(20261202)
    originals = sample_documents()
    for _ in range(count):
        document = deepcopy(choose.choice(originals))
        for _ in range(choose.randint(1, 3)):
            _mutate(document, choose)
        yield document


def _mutate(document: dict[str, Any], choose: random.Random) -> None:
    holder: Any = document
    for _ in range(20):
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        if not keys:
            break
        key = choose.choice(keys)
        below = holder[key]
        if isinstance(below, dict | list) and below and choose.random() < 0.8:
            holder = below
            continue
        if key in ("kind", "apiVersion") and holder is document:
            continue
        match choose.randrange(4):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[str(key) + choose.choice("sx")] = holder.pop(key)
            case _:
                holder[key] = deepcopy(choose.choice(WORDS))
        return


def test_an_independent_validator_agrees_over_a_corpus() -> None:
    independent = {kind: jsonschema_rs.Draft202012Validator(schemas.schema_of(kind)) for kind in KINDS}
    anything = jsonschema_rs.Draft202012Validator(schemas.schema_of())
    verdicts = {True: 0, False: 0}
    for document in [*sample_documents(), *mutations(4000)]:
        kind = document["kind"]
        ours = validator_for(kind).is_valid(document)
        assert ours == independent[kind].is_valid(document), document
        assert ours == anything.is_valid(document), document
        assert ours == (not list(validator_for(kind).iter_errors(document)))
        verdicts[ours] += 1
    assert min(verdicts.values()) > 200


def test_what_the_schemas_let_through_the_models_read() -> None:
    """Models may refuse more (days that don't exist, unknown zones), never fail otherwise, and never read a coerced value."""
    read = 0
    for document in mutations(4000):
        if not validator_for(document["kind"]).is_valid(document):
            continue
        try:
            resource = KINDS[document["kind"]].model_validate(document)
        except ValidationError:
            continue
        read += 1
        again = KINDS[document["kind"]].model_validate(resource.to_json())
        assert again == resource
    assert read > 200


def test_the_models_accept_no_unknown_key_nor_wrong_kind() -> None:
    for document in mutations(1000):
        try:
            KINDS[document["kind"]].model_validate(document, strict=False)
        except ValidationError:
            assert not validator_for(document["kind"]).is_valid(document) or _only_models_know(document)


def _only_models_know(document: dict[str, Any]) -> bool:
    """The few things that a schema can't say: the calendar and the zones, instants."""
    return document["kind"] in ("Schedule", "Activation")
