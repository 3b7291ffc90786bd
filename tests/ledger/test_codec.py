"""Bytes to documents in one pass: what it takes is what the careful way takes, and errors are the careful way's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.errors import StoreError
from reconciler.ledger import codec
from reconciler.ledger.codec import decode, encode
from reconciler.ledger.records import Document, FlowHead, ProjectRecord
from tests.ledger.test_lives import added

KEY = "flows/box/audience/us"
ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 5), st.floats(allow_nan=False), st.text(max_size=5), st.just([]), st.just({}),
    st.sampled_from(["2026-12-01T00:00:00Z", "2026-12-01", 1.0, 2.0, "1", "1.5", "true"]),
)  # fmt: skip


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(encode(added(tmp_path_factory.mktemp("house"))))
    return found


def written(data: dict[str, Any]) -> bytes:
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def outcome(way: Any, body: bytes, kind: type[Document] = FlowHead, key: str = KEY) -> tuple[str, object]:
    try:
        return "", way(kind, key, body)
    except StoreError as error:
        return error.code, error.detail


def same(body: bytes) -> str:
    fast, careful = outcome(decode, body), outcome(codec._carefully, body)
    assert fast == careful, body
    assert repr(fast) == repr(careful), body
    return fast[0]


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_any_edit_is_taken_or_refused_alike(head: dict[str, Any], data: st.DataObject) -> None:
    changed = json.loads(json.dumps(head))
    holder: Any = changed
    while True:
        key = data.draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else list(range(len(holder)))))
        if not isinstance(holder[key], dict | list) or not holder[key] or data.draw(st.booleans()):
            break
        holder = holder[key]
    match data.draw(st.integers(0, 2)):
        case 0:
            del holder[key]
        case 1:
            holder[key] = data.draw(ANYTHING)
        case _ if isinstance(holder, dict):
            holder[data.draw(st.sampled_from(["x", "schema_version", "source_id", "schemaVersion"]))] = data.draw(
                ANYTHING
            )
    same(written(changed))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, ""),
        ({"schemaVersion": 2}, "L111"),
        ({"schemaVersion": "1"}, "L111"),
        ({"schemaVersion": None}, "L111"),
        ({"unknown": 1}, "L110"),
        ({"nonce": None}, "L110"),
        ({"flow": "box/audience/usa"}, "L110"),
        ({"flow": "nothing"}, "L110"),
    ],
)
def test_versions_and_damage(head: dict[str, Any], change: dict[str, Any], code: str) -> None:
    assert same(written(head | change)) == code


def test_what_has_no_version_or_is_no_json_is_damaged(head: dict[str, Any]) -> None:
    rest = {key: value for key, value in head.items() if key != "schemaVersion"}
    for body in (
        written(rest),
        written(rest | {"schema_version": 1}),
        b"",
        b"{",
        b"[]",
        b"\xff{}",
    ):
        assert same(body) == "L110"


def test_what_is_encoded_is_decoded_in_one_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(codec, "_carefully")
    document = added(tmp_path)
    assert decode(FlowHead, KEY, encode(document)) == document


def test_a_project_of_a_newer_format_is_refused() -> None:
    record = {
        "schemaVersion": 1,
        "nonce": "n",
        "lineage": "l",
        "simulated": False,
        "serial": 1,
        "createdAt": "2026-12-01T00:00:00Z",
    }
    for version, code in ((1, ""), (2, "L111"), ("2", "L111")):
        body = written(record | {"formatVersion": version})
        for way in (decode, codec._carefully):
            assert outcome(way, body, ProjectRecord, "project")[0] == code
