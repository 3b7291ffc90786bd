# ruff: noqa: E501 - tables of cases read best a case a line
"""Hostile configuration: each refused with its code and place, within a second and 200 MB, without a traceback.

Each case is a call of the command line in a process of its own: a text in one that was forked from a warm one, a folder in one that
was started. The second is of processor time, over what a sound project takes to start with, and
longer where that takes longer, so that a busy machine doesn't count.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.config.support import SAMPLE, document, edited, write
from tests.hostile.calls import Call, contents, reconcile
from tests.hostile.warm import Warm

SECONDS = 1.0
SOUND = 0.35
"""Seconds of processor time that a sound project takes where nothing else runs. A machine that takes longer is slower or shared,
and everything takes longer on it by as much."""

MEGABYTES = 200
SECRETS = ("AKIAIOSFODNN7EXAMPLE", "hunter2")


def bomb(levels: int = 9, width: int = 9) -> str:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * width)}]" for level in range(1, levels)]
    return "\n".join(lines)


def mapping_bomb() -> str:
    lines = ["a0: &a0 {x: y}"]
    for level in range(1, 40):
        lines.append(f"a{level}: &a{level} {{l: *a{level - 1}, r: *a{level - 1}}}")
    return "\n".join(lines)


def where(text: str) -> str:
    return edited("country = 'US' AND intent_score >= 0.7", text)


def name(text: str) -> str:
    return SAMPLE.replace("name: us-high-intent", f"name: {text}")


TEXTS: dict[str, tuple[str | bytes, str]] = {
    "alias bomb": (bomb(), "Y111"),
    "alias bomb of mappings": (mapping_bomb(), "Y111"),
    "alias bomb in depth": ("a: &a [[[[[[[[[[1]]]]]]]]]]\nb: &b [[[[[[[[[[*a]]]]]]]]]]\nc: &c [[[[[[[[[[*b]]]]]]]]]]\nd: [[*c]]", "Y109"),
    "self-reference": ("a: &a [*a]", "Y110"),
    "self-reference in a key": ("&a a: *a\n? *a\n: 1", "Y106"),
    "5,000 nested brackets": ("a: " + "[" * 5000 + "]" * 5000, "Y109"),
    "half a million nested brackets": ("[" * 500_000, "Y109"),
    "half a million nested dashes": ("- " * 500_000, "Y109"),
    "nested braces": ("{a: " * 250_000, "Y109"),
    "nested keys": ("? " * 500_000, "Y109"),
    "nested by indentation": ("\n".join(f"{' ' * level}a:" for level in range(1000)), "Y109"),
    "tag": ("a: !!python/object/apply:os.system ['id']", "Y108"),
    "own tag": ("a: !include /etc/passwd", "Y108"),
    "UTF-16": (SAMPLE.encode("utf-16"), "Y102"),
    "UTF-16 without mark": (SAMPLE.encode("utf-16-le"), "Y102"),
    "UTF-32": (SAMPLE.encode("utf-32"), "Y102"),
    "NUL": (SAMPLE + "\0", "Y103"),
    "invalid UTF-8": (b"a: \xc3\x28", "Y102"),
    "overlong UTF-8": (b"a: \xc0\xaf", "Y102"),
    "50 MB": (b"a" * 50_000_000, "Y101"),
    "a million values": ("a: [" + "1," * 500_000 + "]", "Y111"),
    "a million keys": ("{" + "a: ," * 200_000 + "}", "Y111"),
    "a million documents": ("---\n" * 260_000 + "- a", "Y111"),
    "many documents that aren't ours": ("---\na: 1\n" * 100_000, "C108"),
    "a million duplicate keys": ("a:\n" * 30_000, "Y106"),
    "a line of a million": ("a: [" + "x" * 1_000_000, "Y105"),
    "a key of a million": ("a" * 1_000_000 + ": 1", "Y105"),
    "a million escapes": ('a: "' + "\\x41" * 250_000 + '"', "C108"),
    "a million quotes": ("a: '" + "''" * 500_000 + "'", "C108"),
    "unclosed": ('a: "' + "x\n" * 400_000, "Y105"),
    "NaN": (edited("maxRows: 2000000", "maxRows: .nan"), "Y113"),
    "infinity": (edited("maxRows: 2000000", "maxRows: .inf"), "Y113"),
    "NaN as text": (edited("maxRows: 2000000", "maxRows: NaN"), "C103"),
    "a huge number": (edited("maxRows: 2000000", "maxRows: 1e999"), "Y113"),
    "a number of a million digits": (edited("maxRows: 2000000", "maxRows: " + "9" * 900_000), "Y113"),
    "near miss of a field": (edited("  dataType: prospects", "  datatype: prospects"), "C101"),
    "near miss of a kind": (edited("kind: Audience", "kind: Audiences"), "C107"),
    "wrong apiVersion": (SAMPLE.replace("reconciler/v1", "reconciler/v1beta1", 1), "C108"),
    "no apiVersion": (SAMPLE.replace("apiVersion: reconciler/v1\n", "", 1), "C108"),
    "bidi name": (name("us-\u202ehigh"), "Y104"),
    "bidi isolate in a comment": (SAMPLE + "# \u2066 note", "Y104"),
    "zero-width name": (name("us\u200bhigh"), "Y104"),
    "zero-width joiner in a name": (name("us\u200dhigh"), "Y104"),
    "escaped zero-width name": (name('"us\\u200bhigh"'), "C105"),
    "look-alike name": (name("us-h\u0456gh"), "C105"),
    "tag characters": (name("us\U000e0041"), "Y104"),
    "hidden line": (SAMPLE + "# note\rkind: x", "Y103"),
    "name with a line break": (name('"us\\n"'), "C105"),
    "name that is a path": (name("../us"), "C105"),
    "names that collide": (SAMPLE + "---\n" + SAMPLE[SAMPLE.index("apiVersion", 10) :], "R102"),
    "path that escapes": (edited("{path: out}", "{path: ../out}"), "P101"),
    "path that escapes inside": (edited("{path: out}", "{path: a/../../out}"), "P101"),
    "dataset that escapes": (edited("s3://lake/prospects/\n  format: parquet\n  account: lake-aws", "../data\n  format: parquet"), "P101"),
    "absolute folder template": (edited("files: {maxRows: 5000000}", "files: {folder: '/{source_id}'}"), "T105"),
    "escaping folder template": (edited("files: {maxRows: 5000000}", "files: {folder: '{source_id}/../..'}"), "T105"),
    "template with attributes": (edited("files: {maxRows: 5000000}", "files: {name: '{part.__class__.__init__.__globals__}'}"), "T101"),
    "colliding template": (edited("files: {maxRows: 5000000}", "files: {name: 'export-{part}.{ext}'}"), "T104"),
    "a template of many braces": (edited("files: {maxRows: 5000000}", "files: {name: '" + "{" * 255 + "'}"), "T102"),
    "overlapping destinations": (SAMPLE + "---\n" + document("Destination", "b", "{type: local, connection: {path: out/b}}"), "P102"),
    "destination in the ledger": (document("Destination", "b", "{type: local, connection: {path: .reconcile/ledger/x}}"), "P103"),
    "destination around the ledger": (document("Destination", "b", "{type: local, connection: {path: /}}"), "P103"),
    "destinations that differ in case": (SAMPLE + "---\n" + document("Destination", "b", "{type: local, connection: {path: OUT/b}}"), "P102"),
    "destinations that differ in composition": (
        document("Destination", "a", "{type: local, connection: {path: caf\u00e9}}") + "---\n"
        + document("Destination", "b", "{type: local, connection: {path: cafe\u0301/b}}"), "P102",
    ),
    "columns that differ in case": (edited("as: contact", "as: Prospect_ID"), "R108"),
    "columns that differ in composition": (
        edited("as: contact}", "as: caf\u00e9}\n    - {column: postcode, as: cafe\u0301}"), "R108",
    ),
    "folders that differ in case": (
        edited("metadata: {name: prospects}", "metadata: {name: prospects, id: us-High}"), "C105",
    ),
    "flows of one folder": (edited("metadata: {name: prospects}", "metadata: {name: prospects, id: us-high-intent}"), "R113"),
    "a bucket with keys before it": (edited("s3://lake/prospects/", "s3://user:hunter2@lake/prospects/"), "C105"),
    "a ledger with keys before it": (edited("s3://acme-reconcile/growth", "s3://user:hunter2@acme/growth"), "C105"),
    "an endpoint with keys before it": (
        edited("region: eu-west-1}", "region: eu-west-1, endpoints: {s3: 'https://user:hunter2@minio:9000'}}"), "C105",
    ),
    "a literal password": (
        edited("{type: aws, region: eu-west-1}", "{type: aws, auth: {accessKey: {accessKeyId: hunter2a, secretAccessKey: hunter2b}}}"), "S101",
    ),
    "literal secret": (edited("externalId: {fromEnv: AGENCY_EXTERNAL_ID}", "externalId: hunter2-hunter2"), "S101"),
    "access key": (edited("externalId: {fromEnv: AGENCY_EXTERNAL_ID}", "externalId: AKIAIOSFODNN7EXAMPLE"), "S102"),
    "private key": (SAMPLE + "# -----BEGIN OPENSSH PRIVATE KEY-----", "S102"),
    "a hostile glob": (edited("  ledger: {url", "  exclude: ['" + "*a" * 250 + "b']\n  ledgr: {url"), "C101"),
    "a regex that backtracks": (edited("maxChange: 50%", "maxChange: '" + "1." * 20_000 + "'"), "C105"),
    "a bucket that backtracks": (edited("bucket: agency-prospects", "bucket: " + "1." * 20_000), "C105"),
    "a million unknown keys": (edited("  dataType: prospects\n", "".join(f"  k{at}: v\n" for at in range(30_000))), "C101"),
    "a dataset of too many columns": (edited("    email: {type: string}\n", "".join(f"    c{at}: {{type: string}}\n" for at in range(15_000))), "C106"),
    "where reads a file": (where("read_text('/etc/passwd') = 'x'"), "R202"),
    "where of two statements": (where("TRUE; DROP TABLE prospects"), "R202"),
    "where with a comment": (where("TRUE -- AND country = 'US'"), "R201"),
    "where with a block comment": (where("TRUE /* OR FALSE */"), "R201"),
    "where with a subquery": (where("country IN (SELECT country FROM prospects)"), "R202"),
    "where with a window": (where("row_number() OVER (ORDER BY email) < 10"), "R202"),
    "where asks for the time": (where("ingested_at < now()"), "R202"),
    "where asks for chance": (where("random() < 0.5"), "R202"),
    "where with a misspelt column": (where("intent_scor >= 0.7"), "R203"),
    "where with text in double quotes": (where('country = "US"'), "R203"),
    "where with 3,000 parentheses": (where("(" * 3000 + "TRUE" + ")" * 3000), "R205"),
    "where with 3,000 open parentheses": (where("(" * 3000), "R205"),
    "where with 10,000 NOT": (where("NOT " * 10_000 + "TRUE"), "R205"),
    "where with a sum of 5,000": (where("intent_score" + " + 1" * 5_000 + " > 1"), "R205"),
    "where with a chain of comparisons": (where("country" + " = country" * 5_000), "R205"),
    "where of 2 MB": (where("country = '" + "x" * 2_000_000 + "'"), "Y101"),
    "where of 70 KB": (where("country = '" + "x" * 70_000 + "'"), "C106"),
    "where of 60 KB of words": (where("TRUE OR " * 8_000 + "email"), "R204"),
    "a type of 300 levels": (edited("email: {type: string}", "email: {type: '" + "list<" * 300 + "int" + ">" * 300 + "'}"), "R207"),
    "an activation of many unknown names": (edited("audiences: [us-high-intent]", "audiences: [" + ", ".join(f"n{at}" for at in range(5_000)) + "]"), "R101"),
}  # fmt: skip


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> float:
    """Seconds of processor time that starting, importing and checking a small sound project take."""
    folder = write(tmp_path_factory.mktemp("sound"), {"all.yaml": SAMPLE})
    calls = [reconcile(folder, "validate") for _ in range(3)]
    assert {each.code for each in calls} == {0}
    return min(each.seconds for each in calls)


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    with Warm(write(tmp_path_factory.mktemp("sound"), {"all.yaml": SAMPLE})) as found:
        yield found


def refused(
    folder: Path,
    code: str,
    baseline: float,
    *more: str,
    call: Callable[..., Call] = reconcile,
    start: float | None = None,
) -> Call:
    """Refused with its code, at a place, with a mend, in time and in little memory; nothing was written.

    The best of three counts as the time: a busy machine makes processor time longer, too. `start`: what a sound project takes by this
    way of calling, where it isn't the baseline.
    """
    before = contents(folder)
    allowed = SECONDS * max(1.0, baseline / SOUND)
    for _ in range(3):
        found = call(folder, "validate", *more)
        seconds = found.seconds - (baseline if start is None else start)
        if seconds < allowed:
            break
    assert found.code == 3, found
    assert code in {each[3] for each in found.places()}, found.out
    assert found.err == ""
    assert seconds < allowed
    assert found.megabytes < MEGABYTES
    assert not any(secret in found.said for secret in SECRETS)
    assert contents(folder) == before
    return found


@pytest.mark.parametrize("case", TEXTS)
def test_text_is_refused(case: str, tmp_path: Path, baseline: float, warm: Warm) -> None:
    text, code = TEXTS[case]
    refused(write(tmp_path, {"all.yaml": text}), code, baseline, call=warm.reconcile, start=0.0)


def _outside(folder: Path) -> None:
    (folder / "x.yaml").symlink_to("/etc/passwd")


def _outside_folder(folder: Path) -> None:
    (folder / "x").symlink_to("/")


def _device(folder: Path) -> None:
    (folder / "x.yaml").symlink_to("/dev/zero")


def _pipe(folder: Path) -> None:
    os.mkfifo(folder / "x.yaml")


def _ledger_link(folder: Path) -> None:
    (folder / "all.yaml").write_text(document("Destination", "b", "{type: local, connection: {path: out}}"))
    (folder / ".reconcile").symlink_to("/tmp")


def _bytes_for_a_name(folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/x\xff.yaml")).write_text("a: 1")


def _hidden_in_a_name(folder: Path) -> None:
    (folder / "x\u202elmay.yaml").write_text(document("Schedule", "x", "{frequency: daily, time: '02:00'}"))


def _command_in_a_name(folder: Path) -> None:
    (folder / "x\x1b[2J\n::error::y").mkdir()
    (folder / "x\x1b[2J\n::error::y" / "a.yaml").write_text("a: 1")


def _destination_link(folder: Path) -> None:
    (folder / "out").symlink_to("/")


def _many_large(folder: Path) -> None:
    text = ("# " + "x" * 1000 + "\n") * 1000
    for number in range(70):
        (folder / f"{number}.yaml").write_text(text)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (_outside, "P105"), (_outside_folder, "P105"), (_device, "P105"), (_pipe, "P106"), (_destination_link, "P101"),
        (_many_large, "P108"), (_ledger_link, "P101"),
        (_bytes_for_a_name, "P112"), (_hidden_in_a_name, "P112"), (_command_in_a_name, "P112"),
    ],
)  # fmt: skip
def test_folder_is_refused(make: Callable[[Path], None], code: str, tmp_path: Path, baseline: float) -> None:
    make(write(tmp_path, {"all.yaml": SAMPLE}))
    refused(tmp_path, code, baseline)


@pytest.mark.parametrize("environment", ["../../etc/passwd", "nope", "a\nb"])
def test_environment_is_refused(environment: str, tmp_path: Path, baseline: float) -> None:
    refused(write(tmp_path, {"all.yaml": SAMPLE}), "R116", baseline, "--env", environment)
