"""A ledger that is torn, newer, another's or somebody else's: refused by name, and nothing is overwritten or exported."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.cli.main import run
from tests.hostile.calls import contents
from tests.hostile.shop import FLOW, Shop

KINDS = ("project", "destinations/", "flows/", "pins/", "staged/", "runs/")
NIGHT = "2054-12-02T03:00Z"
COMMANDS: dict[str, tuple[str, ...]] = {
    "plan": ("plan", "--at", NIGHT),
    "apply": ("apply", "--yes", "--at", NIGHT),
    "run": ("run", "--at", NIGHT),
    "export": ("export", FLOW, "--full", "--at", NIGHT),
    "status": ("status",),
    "history": ("history",),
    "verify": ("verify",),
    "release": ("ledger", "release", FLOW),
}
# What reads every head and the project's document, and what reads more than that.
ALWAYS = {"project", "destinations/", "flows/"}
READS = {
    "apply": {"staged/"},
    "run": {"staged/"},
    "export": {"staged/"},
    "history": {"runs/"},
    "verify": {"runs/"},
}


def _field(name: str, value: object) -> Callable[[bytes], bytes]:
    return lambda body: json.dumps({**json.loads(body), name: value}).encode()


DAMAGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "torn in half": (lambda body: body[: len(body) // 2], "L110"),
    "empty": (lambda _: b"", "L110"),
    "not UTF-8": (lambda body: body[:20] + b"\xff" + body[20:], "L110"),
    "nested without end": (lambda _: b"[" * 200_000, "L110"),
    "a huge number": (lambda _: b'{"schemaVersion": 1, "nonce": ' + b"9" * 100_000 + b"}", "L110"),
    "nothing": (lambda _: b"null", "L110"),
    "of another kind": (lambda _: b'{"schemaVersion": 1, "nonce": "n"}', "L110"),
    "with a field that this version doesn't know": (_field("surprise", 1), "L110"),
    "newer": (_field("schemaVersion", 2), "L111"),
    "of a version that isn't one": (_field("schemaVersion", "x" * 10_000), "L111"),
}


@pytest.fixture(scope="module")
def half_done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One night exported, the next decided and not to be published: a file stands where its folder belongs."""
    shop = Shop(tmp_path_factory.mktemp("half") / "shop").declare()
    shop.put("a.csv", ["p1", "p2"])
    shop.apply()
    assert shop.night(1).code == 0
    shop.put("b.csv", ["p3"])
    (shop.root / "out/us/exportTime=205412020200").write_text("in the way")
    found = shop.night(2)
    assert (found.code, found.codes()) == (1, {"D109"})
    assert shop.head()["open"]["phase"] == "publishing"
    return shop.root


@pytest.fixture
def shop(half_done: Path, tmp_path: Path) -> Shop:
    """A copy of it, whose way is free."""
    shutil.copytree(half_done, tmp_path / "shop")
    (tmp_path / "shop/out/us/exportTime=205412020200").unlink()
    return Shop(tmp_path / "shop")


def told(shop: Shop, command: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and words of a call in this process, which is what `python -m reconciler` ends with."""
    capsys.readouterr()
    code = run(["-C", str(shop.root), *COMMANDS[command]])
    out, err = capsys.readouterr()
    assert "this is a bug" not in out + err, err
    return code, out + err


HEAD = ".reconcile/ledger/flows/box/audience/us.json"


def without_note(head: object) -> object:
    """A head without its condition and the nonces of the writes that noted it."""
    assert isinstance(head, bytes)
    return {key: value for key, value in json.loads(head).items() if key not in ("condition", "nonce", "nonces")}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_document_is_named_and_left(
    kind: str, damage: str, shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = contents(shop.root)
    path = (
        shop.document(kind)
        if kind != "pins/"
        else shop.root / f".reconcile/ledger/pins/{shop.head()['open']['pin']}.json"
    )
    change, code = DAMAGES[damage]
    path.write_bytes(change(path.read_bytes()))
    for command in COMMANDS:
        before = contents(shop.root)
        if kind in ALWAYS | READS.get(command, set()):
            found, said = told(shop, command, capsys)
            assert (found, code in said) == (1, True), (command, said)
            key = path.relative_to(shop.root / ".reconcile/ledger").as_posix().removesuffix(".json")
            assert key in said, (command, said)
            assert len(said) < 2000
            after = contents(shop.root)
            if command == "apply" and kind not in ALWAYS:  # which counts itself before it comes to flows
                after = {**after, ".reconcile/ledger/project.json": before[".reconcile/ledger/project.json"]}
            if kind == "staged/":  # its flow's head says why the run isn't completed, and nothing else of it changes
                after = {**after, HEAD: without_note(after[HEAD])}
                before = {**before, HEAD: without_note(before[HEAD])}
            assert after == before, command
    path.write_bytes(whole[str(path.relative_to(shop.root))])  # type: ignore[arg-type]
    assert told(shop, "run", capsys)[0] == 0
    assert sorted(shop.received()) == ["p1", "p2", "p3"]


def test_a_damaged_pin_stops_the_increment_that_needs_it(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop").declare()
    shop.put("a.csv", ["p1", "p2"])
    shop.apply()
    assert shop.night(1).code == 0
    pin = shop.document("pins/")
    whole = pin.read_bytes()
    shop.put("b.csv", ["p3"])
    for body, code in ((whole[:50], "L110"), (whole.replace(b"a.csv", b"x.csv"), "L112"), (None, "L112")):
        pin.unlink() if body is None else pin.write_bytes(body)
        found = shop.night(2)
        assert (found.code, found.codes()) == (1, {code}), found.said
        assert shop.received() == ["p1", "p2"]
    pin.write_bytes(whole)
    assert shop.night(2).code == 0
    assert shop.received() == ["p1", "p2", "p3"]


def test_a_document_at_anothers_key_is_not_taken_for_it(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    head = shop.document("flows/")
    copy = head.with_name("ca.json")
    copy.write_bytes(head.read_bytes())
    before = contents(shop.root)
    for command in ("plan", "apply", "run", "status"):
        code, said = told(shop, command, capsys)
        assert (code, "L110" in said, "flows/box/audience/ca" in said) == (1, True, True), said
        assert contents(shop.root) == before


def test_a_document_larger_than_any_is_not_read(shop: Shop) -> None:
    with shop.document("project").open("r+b") as file:
        file.truncate(3 * 2**30)
    found = shop("status")
    assert (found.code, found.codes()) == (1, {"L137"}), found.said
    assert found.megabytes < 300


def test_a_ledger_that_lost_its_first_document_is_not_made_anew(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """A new lineage over old heads would be refused by every destination, or worse, not be."""
    shop.document("project").unlink()
    before = contents(shop.root)
    for command in ("plan", "apply", "run", "export"):
        code, said = told(shop, command, capsys)
        assert code != 0, (command, said)
        assert "L114" in said or "L151" in said, (command, said)
        assert contents(shop.root) == before, command


def test_ledger_show_shows_what_is_torn_as_torn(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    path = shop.document("flows/")
    path.write_bytes(path.read_bytes()[:40])
    for key, code in (
        ("flows/box/audience/us", "L110"),
        ("../../../etc/passwd", "L140"),
        ("a//b", "L140"),
        ("nope", "U107"),
    ):
        capsys.readouterr()
        assert run(["-C", str(shop.root), "ledger", "show", key]) in (1, 64)
        out, err = capsys.readouterr()
        assert (out, code in err) == ("", True), err


@pytest.mark.parametrize("command", ["plan", "apply", "run", "export", "release"])
def test_another_environments_ledger_is_refused(command: str, shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    (shop.root / "environments").mkdir()
    (shop.root / "environments/prod.yaml").write_text("")
    before = contents(shop.root)
    found = shop(*COMMANDS[command], "--env", "prod")
    assert (found.code, bool(found.codes() & {"G101", "L150"})) == (4, True), found.said
    assert contents(shop.root) == before


def test_a_simulated_ledger_is_not_taken_for_a_real_one(shop: Shop) -> None:
    text = (shop.root / "reconcile.yaml").read_text()
    (shop.root / "reconcile.yaml").write_text(text.replace("simulated: true", "simulated: false"))
    before = contents(shop.root)
    found = shop("apply", "--yes")
    assert (found.code, found.codes()) == (4, {"G102"}), found.said
    assert contents(shop.root) == before


def test_a_saved_plan_meets_another_ledger(shop: Shop, tmp_path: Path) -> None:
    """The ledger was lost, and one of another lineage was restored in its place."""
    other = Shop(tmp_path / "other").declare()
    other.put("a.csv", ["q1"])
    other.apply()
    plan = tmp_path / "plan.json"
    assert shop("plan", "--out", plan, at=NIGHT).code == 0
    shutil.rmtree(shop.root / ".reconcile")
    shutil.copytree(other.root / ".reconcile", shop.root / ".reconcile")
    before = contents(shop.root)
    found = shop("apply", plan, "--yes", at=NIGHT)
    assert (found.code, "G122" in found.codes()) == (5, True), found.said
    assert contents(shop.root) == before


def test_a_destination_of_another_lineage_is_refused(shop: Shop) -> None:
    """The ledger was lost, and a new one would export everything again to where everything is."""
    shutil.rmtree(shop.root / ".reconcile")
    before = contents(shop.root / "out")
    found = shop("apply", "--yes", at=NIGHT)
    assert found.code in (1, 6), found.said
    assert "D101" in found.codes()
    assert contents(shop.root / "out") == before
    again = shop.night(3)
    assert "exported" not in again.out
    assert contents(shop.root / "out") == before


@pytest.mark.parametrize("marker", ["{", '{"lineage": 3}', "", "x" * 1_000_000])
def test_an_owner_marker_that_is_none_is_refused(marker: str, shop: Shop) -> None:
    shutil.rmtree(shop.root / ".reconcile")
    (shop.root / "out/.reconciler-owner.json").write_text(marker)
    before = contents(shop.root / "out")
    found = shop("apply", "--yes", at=NIGHT)
    assert found.code in (1, 6), found.said
    assert "D112" in found.codes()
    assert contents(shop.root / "out") == before


SAVED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "torn in half": (lambda body: body[: len(body) // 2], "G130"),
    "not UTF-8": (lambda body: body[:20] + b"\xff" + body[20:], "G130"),
    "nested without end": (lambda _: b"[" * 200_000, "G130"),
    "empty": (lambda _: b"", "G130"),
    "cut": (_field("plan", {}), "G130"),
    "edited": (lambda body: body.replace(b"205412020200", b"205412030200").replace(b"shop", b"shap"), "G131"),
    "newer": (_field("formatVersion", 2), "G132"),
}


@pytest.mark.parametrize("damage", SAVED)
def test_a_saved_plan_that_is_none_is_refused(damage: str, shop: Shop, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    assert shop("plan", "--out", plan, at=NIGHT).code == 0
    change, code = SAVED[damage]
    plan.write_bytes(change(plan.read_bytes()))
    before = contents(shop.root)
    found = shop("apply", plan, "--yes", at=NIGHT)
    assert (found.code, found.codes()) == (3, {code}), found.said
    assert contents(shop.root) == before


def test_a_file_that_is_no_plan_is_not_read_whole(shop: Shop, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    with plan.open("wb") as file:
        file.truncate(3 * 2**30)
    found = shop("apply", plan, "--yes", at=NIGHT)
    assert (found.code, found.codes()) == (3, {"G130"}), found.said
    assert found.megabytes < 400
