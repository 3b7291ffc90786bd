"""What a saved plan's file holds, and how a file that isn't one is refused."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import jsonschema_rs
import pytest

from reconciler.config.schemas import published
from reconciler.errors import ConfigInvalid, Conflict
from reconciler.ledger.records import Actual
from reconciler.plan.bind import save
from reconciler.plan.plan import Refusal
from reconciler.plan.planner import plan
from reconciler.present import plan_json
from reconciler.present.plan_json import as_json, plan_schemas, read_saved, saved_text
from reconciler.version import __version__
from tests.plan.every_kind import every_kind, kinds
from tests.plan.planning import NOW, small


@pytest.fixture
def text(tmp_path: Path) -> str:
    return saved_text(save(plan(small(tmp_path), Actual(), NOW)))


def test_it_is_read_back_as_it_was(tmp_path: Path) -> None:
    saved = save(plan(small(tmp_path), Actual(), NOW))
    assert read_saved(saved_text(saved).encode(), __version__) == saved


def test_its_digest_doesnt_hang_on_how_it_is_written(text: str) -> None:
    again = json.dumps(json.loads(text), sort_keys=True)
    assert read_saved(again.encode(), __version__) == read_saved(text.encode(), __version__)


@pytest.mark.parametrize(
    "other",
    [b"", b"{}", b"[]", b"nonsense", b"NaN", b'{"formatVersion": "1"}', b'{"formatVersion": true}', b"\xff\xfe{"],
)
def test_other_files_are_none(other: bytes) -> None:
    with pytest.raises(ConfigInvalid, match="G130"):
        read_saved(other, __version__)


def test_deep_nesting_is_no_plan() -> None:
    with pytest.raises(ConfigInvalid, match="G130"):
        read_saved(b'{"formatVersion": 1, "plan": ' + b"[" * 200_000, __version__)


def test_a_torn_file_is_none(text: str) -> None:
    for length in (1, len(text) // 2, len(text) - 3):
        with pytest.raises(ConfigInvalid, match="G130"):
            read_saved(text[:length].encode(), __version__)


def test_far_too_much_is_none(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_json, "MAX_BYTES", len(text) - 1)
    with pytest.raises(ConfigInvalid, match="G130"):
        read_saved(text.encode(), __version__)


@pytest.mark.parametrize(
    ("was", "is_now"),
    [
        ('"path": "out"', '"path": "elsewhere"'),
        ('"expires": "2026-12-02', '"expires": "2036-12-02'),
        ('"mode": "incremental"', '"mode": "full"'),
        ('"generation": 0', '"generation": 1'),
    ],
)
def test_an_edit_is_noticed(text: str, was: str, is_now: str) -> None:
    assert was in text
    with pytest.raises(ConfigInvalid, match="G131"):
        read_saved(text.replace(was, is_now).encode(), __version__)


def test_an_unknown_key_is_no_part_of_it(text: str) -> None:
    with pytest.raises(ConfigInvalid, match=r"G130.*At plan.surprise"):
        read_saved(text.replace('"plan": {', '"plan": {"surprise": 1,').encode(), __version__)


def test_what_a_newer_format_means_is_not_guessed(text: str) -> None:
    with pytest.raises(ConfigInvalid, match="G132") as caught:
        read_saved(text.replace('"formatVersion": 1', '"formatVersion": 2').encode(), __version__)
    assert caught.value.exit_code == 3


def test_another_versions_plan_is_named_as_such_whatever_it_holds(text: str) -> None:
    other = text.replace(f'"tool": "{__version__}"', '"tool": "9.9.9"').replace('"plan": {', '"plan": {"newField": 1,')
    with pytest.raises(Conflict, match=r"G126.*9\.9\.9") as caught:
        read_saved(other.encode(), __version__)
    assert caught.value.exit_code == 5


# Published schemas ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["plan", "saved-plan"])
def test_the_published_schema_is_what_the_models_give(name: str) -> None:
    assert published(name) == plan_schemas()[name], "run scripts/generate.py"
    jsonschema.Draft202012Validator.check_schema(published(name))


def test_an_independent_validator_accepts_every_kind_of_change(tmp_path: Path) -> None:
    found = every_kind(tmp_path)
    assert {each.change for each in found.changes} == kinds()
    refused = found.model_copy(update={"refusals": (Refusal(code="G103", sentence="Why."),)})
    for each in (found, refused, plan(small(tmp_path), Actual(), NOW)):
        jsonschema_rs.Draft202012Validator(published("plan")).validate(json.loads(as_json(each)))
        jsonschema_rs.Draft202012Validator(published("saved-plan")).validate(json.loads(saved_text(save(each))))


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_it_says_no_to_what_we_never_write(tmp_path: Path, kind: str) -> None:
    validator = jsonschema_rs.Draft202012Validator(published("plan"))
    data = json.loads(as_json(every_kind(tmp_path)))
    (at, change) = next((at, each) for at, each in enumerate(data["plan"]["changes"]) if each["change"] == kind)
    broken: list[dict[str, object]] = [
        {**change, "surprise": 1},
        {**change, "cursor": "lost"},
        {**change, "change": "x"},
    ]
    broken += [{key: value for key, value in change.items() if key != gone} for gone in ("subject", "reason", "change")]
    for each in broken:
        data["plan"]["changes"][at] = each
        assert not validator.is_valid(data), each
    data["plan"]["changes"][at] = change
    assert validator.is_valid(data)
