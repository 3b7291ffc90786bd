"""Damaged and hostile data files through the command line: refused by name, nothing published, nobody's data repeated, and
once the file is mended the next run exports every row.

Every cell of every file holds an address that belongs to nobody. It may stand in the data and in what is exported, and nowhere else.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as papq
import pytest
import zstandard

from reconciler.cli.main import run
from reconciler.diagnostics import CODES
from reconciler.export.polars_engine import PolarsEngine
from tests.hostile.shop import FLOW, Shop

MARK = "ada.lovelace@nobody.invalid"
COLUMNS = "{prospect_id: {type: string}, country: {type: string}, score: {type: double}, email: {type: string}, seen: {type: timestamp}}"
OLD = [f"old{number} {MARK}" for number in range(3)]
NEW = [f"new{number} {MARK}" for number in range(400)]
MIDNIGHT = datetime(2054, 12, 1, tzinfo=UTC).timestamp()
Row = dict[str, Any]


def rows(ids: list[str]) -> list[Row]:
    return [
        {"prospect_id": each, "country": "US", "score": 0.5, "email": f"{at}.{MARK}", "seen": "2054-11-30T00:00:00Z"}
        for at, each in enumerate(ids)
    ]


# Sound files of each format ------------------------------------------------------------------------------------------------


def as_csv(found: list[Row]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(found[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
    return text.getvalue().encode()


def as_json(found: list[Row]) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in found)


def table(found: list[Row], **changed: pa.Array) -> pa.Table:
    made = pa.Table.from_pylist(found)
    made = made.set_column(
        made.schema.get_field_index("seen"), "seen", pa.array([0] * len(found), pa.timestamp("us", "UTC"))
    )
    for name, values in changed.items():
        made = made.set_column(made.schema.get_field_index(name), name, values)
    return made


def as_parquet(found: list[Row] | pa.Table) -> bytes:
    sink = io.BytesIO()
    papq.write_table(table(found) if isinstance(found, list) else found, sink, compression="none", use_dictionary=False)
    return sink.getvalue()


SOUND: dict[str, Callable[[list[Row]], bytes]] = {"csv": as_csv, "json": as_json, "parquet": as_parquet}


def sound(name: str, found: list[Row]) -> bytes:
    plain = SOUND[name.removesuffix(".gz").removesuffix(".zst").rpartition(".")[2]](found)
    if name.endswith(".gz"):
        return gzip.compress(plain)
    return zstandard.ZstdCompressor(write_checksum=True).compress(plain) if name.endswith(".zst") else plain


# What is wrong with them -----------------------------------------------------------------------------------------------------

GOOD = rows(NEW)
CSV, JSON, PARQUET = as_csv(GOOD), as_json(GOOD), as_parquet(GOOD)
BAD_UTF8 = MARK.encode() + b"\xff\xfe"


def line(text: bytes, number: int, by: bytes) -> bytes:
    """A text with one line replaced, counted from 0."""
    lines = text.split(b"\n")
    lines[number] = by
    return b"\n".join(lines)


def record(**changed: Any) -> bytes:
    return json.dumps(GOOD[200] | changed).encode()


def never_utf8() -> bytes:
    """Parquet whose text isn't UTF-8, which pyarrow only writes where it is told that it is."""
    fine = pa.array([BAD_UTF8] * len(GOOD))
    return as_parquet(
        table(GOOD, prospect_id=pa.StringArray.from_buffers(len(GOOD), fine.buffers()[1], fine.buffers()[2]))
    )


def doubled() -> bytes:
    made = table(GOOD)
    return as_parquet(made.append_column("email", made.column("email")))


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


@dataclass(frozen=True)
class Case:
    """A file as it shouldn't be, and what is said of it. `place`: what the detail must name beside the file."""

    name: str
    content: bytes
    code: str
    place: str = ""


FULL = CSV.split(b"\n")[200]
CASES = {
    "csv, one field too many": Case("b.csv", line(CSV, 200, FULL + b"," + MARK.encode()), "F110", "Row 201"),
    "csv, one field too few": Case("b.csv", line(CSV, 200, MARK.encode()), "F110", "Row 201"),
    "csv, a quote that stays open": Case("b.csv", line(CSV, 200, b'"' + FULL), "F110"),
    "csv, a quote inside of a field": Case("b.csv", line(CSV, 200, FULL.replace(b"@", b'@"', 1)), "F110"),
    "csv, not UTF-8": Case("b.csv", line(CSV, 200, FULL.replace(MARK.encode(), BAD_UTF8)), "F110", "Row 201"),
    "csv, UTF-16": Case("b.csv", CSV.decode().encode("utf-16"), "F105", "header"),
    "csv, a number that is none": Case("b.csv", line(CSV, 200, FULL.replace(b"0.5", MARK.encode())), "F109", "'score'"),
    "csv, a time that is none": Case(
        "b.csv", line(CSV, 200, FULL.replace(b"2054-11-30T", MARK.encode())), "F109", "'seen'"
    ),
    "csv, no header": Case("b.csv", CSV.partition(b"\n")[2], "F106", "'country'"),
    "csv, no header and a name twice": Case("b.csv", f"{MARK},{MARK}\n".encode() + CSV, "F106"),
    "csv, a header that isn't UTF-8": Case("b.csv", BAD_UTF8 + b"," + CSV, "F105", "header"),
    "csv, a header with an open quote": Case("b.csv", f'"{MARK},'.encode() + CSV.replace(b'"', b""), "F110"),
    "csv, a column twice": Case(
        "b.csv", line(CSV, 0, b"email,prospect_id,country,score,email,seen"), "F108", "'email'"
    ),
    "csv, empty": Case("b.csv", b"", "F105"),
    "csv, other delimiter": Case("b.csv", CSV.replace(b",", b";"), "F106"),
    "csv, torn gzip": Case("b.csv.gz", gzip.compress(CSV)[:-300], "F105"),
    "csv, gzip with a wrong checksum": Case("b.csv.gz", flipped(gzip.compress(CSV), -6), "F105"),
    "csv, not gzip": Case("b.csv.gz", CSV, "F105"),
    "csv, something behind gzip": Case("b.csv.gz", gzip.compress(CSV) + MARK.encode(), "F105"),
    "json, a broken line": Case("b.json", line(JSON, 200, record()[:-5]), "F110", "Line 201"),
    "json, two objects in a line": Case("b.json", line(JSON, 200, record() + record()), "F110", "Line 201"),
    "json, a list": Case("b.json", b"[" + JSON.strip().replace(b"\n", b",\n") + b"]\n", "F109", "Line 1"),
    "json, a text alone": Case("b.json", line(JSON, 200, f'"{MARK}"'.encode()), "F109", "Line 201"),
    "json, a text for a number": Case("b.json", line(JSON, 200, record(score=MARK)), "F109", "score"),
    "json, a text for a time": Case("b.json", line(JSON, 200, record(seen=MARK)), "F109", "seen"),
    "json, an object for a text": Case("b.json", line(JSON, 200, record(email={MARK: MARK})), "F109", "email"),
    "json, a list for a text": Case("b.json", line(JSON, 200, record(email=[MARK])), "F109", "email"),
    "json, a key twice": Case("b.json", line(JSON, 200, record()[:-1] + f', "email": "{MARK}"}}'.encode()), "F108"),
    "json, not UTF-8": Case("b.json", line(JSON, 200, record().replace(MARK.encode(), BAD_UTF8)), "F110", "Line 201"),
    "json, a NUL byte": Case("b.json", line(JSON, 200, record().replace(b"@", b"\0@")), "F110", "Line 201"),
    "json, a lone surrogate": Case("b.json", line(JSON, 200, record().replace(b"@", b"\\ud800")), "F110", "Line 201"),
    "json, no key of that name": Case("b.json", JSON.replace(b'"email"', f'"{MARK}"'.encode()), "F106", "'email'"),
    "json, torn zstd": Case("b.json.zst", zstandard.compress(JSON)[:-100], "F105"),
    "json, torn gzip": Case("b.json.gz", gzip.compress(JSON)[:-100], "F105"),
    "parquet, cut in the middle": Case("b.parquet", PARQUET[: len(PARQUET) // 2], "F105"),
    "parquet, without its last byte": Case("b.parquet", PARQUET[:-1], "F105"),
    "parquet, begun": Case("b.parquet", b"PAR1" + MARK.encode(), "F105"),
    "parquet, empty": Case("b.parquet", b"", "F105"),
    "parquet, a page header that is none": Case("b.parquet", flipped(PARQUET, 5), "F105"),
    "parquet, a footer that is none": Case("b.parquet", flipped(PARQUET, -20), "F105"),
    "parquet, it is CSV": Case("b.parquet", CSV, "F105"),
    "parquet, text that isn't UTF-8": Case("b.parquet", never_utf8(), "F105"),
    "parquet, text for a number": Case(
        "b.parquet", as_parquet(table(GOOD, score=pa.array([MARK] * 400))), "F107", "'score'"
    ),
    "parquet, text for a time": Case(
        "b.parquet", as_parquet(table(GOOD, seen=pa.array([MARK] * 400))), "F107", "'seen'"
    ),
    "parquet, a struct for a text": Case(
        "b.parquet", as_parquet(table(GOOD, email=pa.array([{"a": MARK}] * 400))), "F107"
    ),
    "parquet, a column twice": Case("b.parquet", doubled(), "F108", "'email'"),
    "parquet, a column is missing": Case(
        "b.parquet", as_parquet(table(GOOD).drop_columns(["email"])), "F106", "'email'"
    ),
    "csv, a partition of another type": Case(f"score={MARK}/b.csv", CSV, "F113", "score=…"),
    "csv, a partition twice": Case(f"country={MARK}/country=US/b.csv", CSV, "F113", "'country'"),
    "csv, a file that isn't data": Case("b.txt", CSV, "F102", "b.txt"),
}


@dataclass
class Household:
    """A shop that has exported once, and everything that was said since."""

    shop: Shop
    captured: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str, bug: bool = False) -> tuple[int, str]:
        """In this process. Whatever is said, nobody is named in it."""
        self.captured.readouterr()
        code = run(["-C", str(self.shop.root), *arguments])
        out, err = self.captured.readouterr()
        assert MARK not in out + err, out + err
        assert bug or "this is a bug" not in out + err, err
        assert "Traceback" not in out + err, err
        return code, out + err

    def kept(self) -> Iterator[Path]:
        """Files that we keep, and that aren't for the recipient."""
        for path in self.shop.root.rglob("*"):
            if path.is_file() and path.relative_to(self.shop.root).parts[0] not in ("data", "out", "reconcile.yaml"):
                yield path

    def nobody_is_named(self, *, pins: bool = True) -> None:
        for path in self.kept():
            if pins or path.parent.name != "pins":
                assert MARK.encode() not in path.read_bytes(), path

    def visible(self) -> list[Path]:
        return sorted(path for path in (self.shop.root / "out").rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A shop of a format, made once, where one night was exported."""

    @cache
    def made(form: str) -> Path:
        shop = Shop(tmp_path_factory.mktemp(form) / "shop").declare(form=form, columns=COLUMNS)
        config = shop.root / "reconcile.yaml"
        config.write_text(config.read_text().replace("[prospect_id, score]", "[prospect_id, score, email, seen]"))
        (shop.root / f"data/a.{form}").write_bytes(SOUND[form](rows(OLD)))
        assert run(["-C", str(shop.root), "apply", "--yes", "--at", "2054-12-01T00:00Z"]) == 0
        assert run(["-C", str(shop.root), "run", "--at", "2054-12-01T03:00Z"]) == 0
        return shop.root

    return made


@pytest.fixture
def household(
    request: pytest.FixtureRequest, begun: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[Household]:
    """The format is the fixture's parameter. The shop is left as it was: pins know a file by its inode, so a copy won't do."""
    root = begun(request.param)
    for name in ("out", ".reconcile"):
        shutil.copytree(root / name, tmp_path / name)
    yield Household(Shop(root), capsys)
    for name in ("out", ".reconcile"):
        shutil.rmtree(root / name)
        shutil.copytree(tmp_path / name, root / name)
    for path in (root / "data").iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.stem != "a":
            path.unlink()


def refused(household: Household, code: str, *places: str) -> None:
    """As text and as JSON; then seen in what others look at."""
    before = household.visible()
    for command in (("run",), ("--log-format", "json", "export", FLOW, "--full")):
        ended, said = household(*command, "--at", "2054-12-02T03:00Z")
        assert (ended, code in said) == (1, True), (command, said)
        assert all(place in said for place in places), said
        assert (CODES[code].mend if "json" in command else f"reconcile explain {code}") in said
    ended, said = household("status", "--at", "2054-12-02T03:00Z")
    assert (ended, code in said) == (0, True), said
    for words in (("status", "--format", "json"), ("history",), ("ledger", "show"), ("plan", "--refresh")):
        household(*words)
    assert household.visible() == before, "something was published, or is still staged"


def exported(household: Household) -> None:
    """All that is new, and nothing else, in the slot that was missed."""
    code, said = household("run", "--at", "2054-12-02T03:30Z")
    assert code == 0, said
    assert "400 rows" in said
    assert sorted(household.shop.received()) == sorted([*OLD, *NEW])
    assert household("verify")[0] == 0
    _, said = household("status", "--at", "2054-12-02T03:31Z")
    assert "failed" not in said


def of_format(case: Case) -> str:
    return next((form for form in SOUND if f".{form}" in case.name), "csv")


@pytest.mark.parametrize(
    ("household", "case"),
    [pytest.param(of_format(each), each, id=name) for name, each in CASES.items()],
    indirect=["household"],
)
def test_damaged(household: Household, case: Case) -> None:
    path = household.shop.root / "data" / case.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(case.content)
    refused(household, case.code, case.place or case.name)
    # Names of files are listed in pins, folders of partitions with them: docs/security.md says so.
    household.nobody_is_named(pins="=" not in case.name)
    if case.code in ("F102", "F113"):
        path.unlink()
        path = household.shop.root / "data/b.csv"
    path.write_bytes(sound(path.name, GOOD))
    exported(household)
    household.nobody_is_named(pins="=" not in case.name)


@pytest.mark.parametrize("household", SOUND, indirect=True)
def test_changed_while_it_is_read(household: Household, monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer comes back between our last read and our decision."""
    form = next((household.shop.root / "data").iterdir()).suffix[1:]
    path = household.shop.root / f"data/b.{form}"
    path.write_bytes(SOUND[form](GOOD[:200]))
    export = PolarsEngine.export

    def then_rewritten(*arguments: Any, **options: Any) -> Any:
        found = export(*arguments, **options)
        path.write_bytes(SOUND[form](GOOD))
        return found

    with monkeypatch.context() as patched:
        patched.setattr(PolarsEngine, "export", then_rewritten)
        before = household.visible()
        code, said = household("run", "--at", "2054-12-02T03:00Z")
        assert (code, "F116" in said, path.name in said) == (1, True, True), said
        assert household.visible() == before
    exported(household)
    household.nobody_is_named()


@pytest.mark.parametrize("household", SOUND, indirect=True)
def test_a_name_that_is_not_utf8(household: Household) -> None:
    form = next((household.shop.root / "data").iterdir()).suffix[1:]
    path = os.fsencode(household.shop.root / "data") + b"/caf\xe9." + form.encode()
    Path(os.fsdecode(path)).write_bytes(SOUND[form](GOOD))
    refused(household, "F102", "udce9", "isn't UTF-8")
    os.rename(path, os.fsencode(household.shop.root / f"data/café.{form}"))
    exported(household)


@pytest.mark.parametrize("household", SOUND, indirect=True)
@pytest.mark.parametrize("odd", ["\0", "a\0b", "\x1b[2J", "\u202eabc", "a\rb\nc", "'; --", '"', "\ufeff"])
def test_odd_text_leaves_as_it_is(odd: str, household: Household) -> None:
    """Whatever is in a cell is somebody's: neither cut at a NUL nor run by anything."""
    form = next((household.shop.root / "data").iterdir()).suffix[1:]
    found = [{**GOOD[0], "prospect_id": f"{odd}{MARK}", "email": odd}, *GOOD[1:]]
    (household.shop.root / f"data/b.{form}").write_bytes(SOUND[form](found))
    code, said = household("run", "--at", "2054-12-02T03:00Z")
    assert (code, "400 rows" in said) == (0, True), said
    part = max(household.visible(), key=lambda each: each.stat().st_size)
    with part.open(newline="", encoding="utf-8") as file:
        row = next(iter(csv.DictReader(file)))
    assert (row["prospect_id"], row["email"]) == (f"{odd}{MARK}", odd)
    household.nobody_is_named()


def test_still_being_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is younger than `settle` waits, torn as it is, and holds up nobody else."""
    shop = Shop(tmp_path / "shop").declare(columns=COLUMNS)
    config = shop.root / "reconcile.yaml"
    config.write_text(config.read_text().replace("settle: 0s", "settle: 1h"))
    (shop.root / "data/a.csv").write_bytes(as_csv(rows(OLD)))
    (shop.root / "data/b.csv").write_bytes(CSV[:-20])
    os.utime(shop.root / "data/a.csv", (MIDNIGHT, MIDNIGHT))
    os.utime(shop.root / "data/b.csv", (MIDNIGHT + 2.5 * 3600,) * 2)
    household = Household(shop, capsys)
    assert household("apply", "--yes", "--at", "2054-12-01T00:00Z")[0] == 0
    assert household("run", "--at", "2054-12-01T03:00Z")[0] == 0
    assert sorted(shop.received()) == sorted(OLD)
    with (shop.root / "data/b.csv").open("ab") as file:
        file.write(CSV[-20:])
    os.utime(shop.root / "data/b.csv", (MIDNIGHT + 2.5 * 3600,) * 2)
    exported(household)
    household.nobody_is_named()


@pytest.mark.parametrize("household", ["csv"], indirect=True)
@pytest.mark.parametrize("log", ["text", "json"])
def test_a_bug_that_holds_somebodys_data(log: str, household: Household, monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries quote values in their errors. What isn't expected is told by its type and place, to the ledger too."""

    def broken(*_: Any, **__: Any) -> Any:
        raise ValueError(f"could not convert '{MARK}'")

    (household.shop.root / "data/b.csv").write_bytes(CSV)
    monkeypatch.setattr("reconciler.datasets.csv.parse", broken)
    code, said = household("--log-format", log, "run", "--at", "2054-12-02T03:00Z", bug=True)
    assert (code, "E002" in said, "ValueError at reconciler.datasets.csv" in said) == (1, True, True), said
    household.nobody_is_named()
    household("status", bug=True)
    monkeypatch.undo()
    # As after a kill: the run is still open, until its lease ends or a person says so.
    assert household("ledger", "release", FLOW)[0] == 0
    exported(household)
