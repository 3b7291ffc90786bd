"""A ledger as one file, and back: whole or not at all, named where it is damaged, never over another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.apply.runs import Wanted, run_flow, settle
from reconciler.errors import Conflict, StoreError, UsageError
from reconciler.ledger import keys
from reconciler.ledger.records import ProjectRecord
from reconciler.ledger.store import STORE_EFFECTS
from reconciler.stores.backup import restore, save
from reconciler.stores.folder import FolderStore
from reconciler.stores.ledger import Ledger
from reconciler.stores.memory import MemoryStore
from tests.apply.fixtures_runs import FLOW, SLOT, House
from tests.apply.test_held import Losing
from tests.apply.test_runs import Bomb, Crash, Mined

DAY = timedelta(days=1)


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A ledger after two nights."""
    house = House(tmp_path / "house")
    house.found()
    house.apply()
    for number in range(2):
        house.put(f"{number}.csv", [(str(number), "US")])
        assert run_flow(house.context(), FLOW, Wanted(SLOT + number * DAY), SLOT + number * DAY)
    return house


def ledger(store: Any = None) -> Ledger:
    numbers = iter(range(10_000))
    return Ledger(store or MemoryStore(), lambda: f"fresh-{next(numbers)}", lambda _: None)


def content(of: Ledger) -> dict[str, Any]:
    """Every document without what each write makes anew."""
    found = {}
    for key, _ in of.store.list(""):
        stored = of.store.read(key)
        assert stored is not None
        found[key] = {name: value for name, value in json.loads(stored.body).items() if name not in ("nonce", "nonces")}
    return found


def test_where_it_cannot_be_written(house: House, tmp_path: Path) -> None:
    for path in (
        tmp_path / "nowhere" / "backup",
        tmp_path / "house" / "data",
        tmp_path / "house" / "data" / "0.csv" / "x",
    ):
        with pytest.raises(StoreError, match="L119") as caught:
            save(house.ledger, path)
        assert str(path) in caught.value.detail
    assert [each.name for each in (tmp_path / "house" / "data").iterdir() if each.name.startswith(".")] == []


def test_there_and_back(house: House, tmp_path: Path) -> None:
    file = tmp_path / "backup.jsonl"
    assert save(house.ledger, file) == len(list(house.store.list("")))
    assert file.stat().st_mode & 0o777 == 0o600
    header = json.loads(file.read_text().splitlines()[0])
    assert (header["formatVersion"], header["lineage"]) == (1, "the-line")
    other = ledger()
    assert restore(other, file) == len(list(house.store.list("")))
    assert content(other) == content(house.ledger)
    house.ledger, house.store = other, other.store  # type: ignore[assignment]
    house.put("9.csv", [("9", "US")])
    record = run_flow(house.context(), FLOW, Wanted(SLOT + 9 * DAY), SLOT + 9 * DAY)
    assert record is not None
    assert (record.kind, record.rows) == ("increment", 1)


def test_the_same_ledger_gives_the_same_bytes(house: House, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    save(house.ledger, one)
    save(house.ledger, two)
    assert one.read_bytes() == two.read_bytes()


def test_an_earlier_backup_is_replaced_whole(house: House, tmp_path: Path) -> None:
    file = tmp_path / "backup.jsonl"
    file.write_text("old")
    file.chmod(0o644)
    save(house.ledger, file, replace=True)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == ["backup.jsonl"]


def test_a_decided_run_is_restored_with_what_it_staged(house: House, tmp_path: Path) -> None:
    context = house.context()
    house.put("5.csv", [("5", "US")])
    lost = lambda to: Losing(context.open_destination(to), "part-", StoreError("X", "the process ends here"))  # noqa: E731
    with pytest.raises(StoreError):
        run_flow(house.context(open_destination=lost), FLOW, Wanted(SLOT + 5 * DAY), SLOT + 5 * DAY)
    save(house.ledger, tmp_path / "backup")
    other = ledger()
    restore(other, tmp_path / "backup")
    house.ledger, house.store = other, other.store  # type: ignore[assignment]
    settle(house.context(), FLOW, SLOT + 5 * DAY)
    assert house.received() == ["0", "1", "5"]


def test_no_version_is_used_twice(house: House, tmp_path: Path) -> None:
    """A runner from before can't swap a head that was restored to what it had read."""
    save(house.ledger, tmp_path / "backup")
    before = house.head()
    other = ledger()
    restore(other, tmp_path / "backup")
    with pytest.raises(Conflict):
        other.replace(keys.flow(FLOW), before.document.model_copy(update={"nonce": "late"}), before.version)


# Damage -----------------------------------------------------------------------------------------------------------------


def tear(house: House, key: str) -> None:
    stored = house.store.read(key)
    assert stored is not None
    house.store.replace(key, stored.body[: len(stored.body) // 2], stored.version)


def test_torn_documents_are_all_named_and_nothing_is_written(house: House, tmp_path: Path) -> None:
    run = next(key for key, _ in house.store.list(keys.RUNS))
    tear(house, run)
    tear(house, keys.flow(FLOW))
    with pytest.raises(StoreError, match="L118") as caught:
        save(house.ledger, tmp_path / "backup")
    assert run in caught.value.detail
    assert keys.flow(FLOW) in caught.value.detail
    assert not (tmp_path / "backup").exists()


def test_a_pin_that_is_missing_is_named(house: House, tmp_path: Path) -> None:
    key, version = next(iter(house.store.list(keys.PINS)))
    house.store.delete(key, version)
    with pytest.raises(StoreError, match="L118") as caught:
        save(house.ledger, tmp_path / "backup")
    assert key in caught.value.detail


def test_no_ledger_no_backup(tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="L151"):
        save(ledger(), tmp_path / "backup")
    assert not (tmp_path / "backup").exists()


def changed(file: Path, change: Callable[[list[Any]], Any]) -> None:
    """Changes lines and fits the digest at the end to them, so that only the change itself can be what is found."""
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    change(lines)
    ended = "sha256" in lines[-1]
    text = "".join(json.dumps(line) + "\n" for line in lines[: len(lines) - ended])
    if ended:
        digest = hashlib.sha256(text.encode()).hexdigest()
        text += json.dumps({"documents": lines[-1]["documents"], "sha256": digest}) + "\n"
    file.write_text(text)


def twice(lines: list[Any], line: Any) -> None:
    lines.insert(lines.index(line), line)
    lines[-1]["documents"] += 1


def of(lines: list[Any], prefix: str) -> dict[str, Any]:
    found: dict[str, Any] = next(line for line in lines if line.get("key", "").startswith(prefix))
    return found


@pytest.mark.parametrize(
    ("name", "change", "code"),
    [
        ("another format", lambda lines: lines[0].update(formatVersion=2), "L116"),
        ("no header", lambda lines: lines.pop(0), "L115"),
        ("cut short", lambda lines: lines.pop(), "L115"),
        ("a document too few", lambda lines: lines.remove(of(lines, keys.RUNS)), "L115"),
        ("one more than it says", lambda lines: lines[-1].update(documents=lines[-1]["documents"] + 1), "L115"),
        ("a document twice", lambda lines: twice(lines, of(lines, keys.RUNS)), "L115"),
        ("a document that isn't one", lambda lines: of(lines, keys.FLOWS)["document"].pop("spec"), "L115"),
        ("a document from a newer version", lambda lines: of(lines, keys.FLOWS)["document"].update(schemaVersion=9), "L115"),
        ("a pin that isn't what its name says", lambda lines: of(lines, keys.PINS)["document"]["pin"].update(location="x"), "L115"),
        ("a key that is none", lambda lines: of(lines, keys.RUNS).update(key="../x"), "L115"),
        ("a key of nothing known", lambda lines: of(lines, keys.RUNS).update(key="notes/x"), "L115"),
        ("a head under another's name", lambda lines: of(lines, keys.FLOWS).update(key="flows/box/audience/de"), "L115"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_whole_is_refused_untouched(
    house: House, tmp_path: Path, name: str, change: Callable[[list[Any]], Any], code: str
) -> None:
    file = tmp_path / "backup"
    save(house.ledger, file)
    changed(file, change)
    other = ledger()
    with pytest.raises(StoreError, match=code):
        restore(other, file)
    assert list(other.store.list("")) == []


@pytest.mark.parametrize("cut", [1, 100, 5_000])
def test_torn_anywhere(house: House, tmp_path: Path, cut: int) -> None:
    file = tmp_path / "backup"
    save(house.ledger, file)
    file.write_bytes(file.read_bytes()[:-cut])
    other = ledger()
    with pytest.raises(StoreError, match="L115"):
        restore(other, file)
    assert list(other.store.list("")) == []


# Where to ---------------------------------------------------------------------------------------------------------------


def test_only_into_an_empty_ledger(house: House, tmp_path: Path) -> None:
    save(house.ledger, tmp_path / "backup")
    before = content(house.ledger)
    house.put("9.csv", [("9", "US")])
    run_flow(house.context(), FLOW, Wanted(SLOT + 9 * DAY), SLOT + 9 * DAY)
    now = content(house.ledger)
    with pytest.raises(Conflict, match="L117"):
        restore(house.ledger, tmp_path / "backup")
    assert content(house.ledger) == now != before


def test_a_probe_that_was_killed_is_nothing(house: House, tmp_path: Path) -> None:
    save(house.ledger, tmp_path / "backup")
    other = ledger()
    other.store.create("probe/0123", b'{"probe": true, "nonce": "n"}')
    restore(other, tmp_path / "backup")


def test_an_import_that_dies_at_any_effect_is_completed_by_the_next(house: House, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    documents = save(house.ledger, file)
    for at in range(1, documents + 1):
        for before in (True, False):
            other = ledger()
            with pytest.raises(Crash):
                restore(ledger(Mined(other.store, STORE_EFFECTS, Bomb(at, before))), file)
            project = other.read(ProjectRecord, keys.PROJECT)
            assert (project is None) == (at < documents or before), "the project comes last: nothing runs until then"
            again = ledger(other.store)
            again.nonce = lambda: f"again-{at}-{before}"  # noqa: B023
            restore(again, file)
            assert content(other) == content(house.ledger)


def test_into_a_folder(house: House, tmp_path: Path) -> None:
    save(house.ledger, tmp_path / "backup")
    other = ledger(FolderStore(tmp_path / "restored"))
    restore(other, tmp_path / "backup")
    assert content(other) == content(house.ledger)
    assert all(each.stat().st_mode & 0o777 == 0o600 for each in (tmp_path / "restored").rglob("*.json"))


def test_a_backup_that_came_meanwhile_stays(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "backup.jsonl"
    documents = house.ledger.store.list

    def meanwhile(prefix: str) -> Any:
        file.write_text("another's")
        return documents(prefix)

    monkeypatch.setattr(house.ledger.store, "list", meanwhile)
    with pytest.raises(UsageError, match="U115"):
        save(house.ledger, file)
    assert file.read_text() == "another's"
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".backup")] == []
