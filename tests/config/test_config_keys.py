# ruff: noqa: E501 - tables of cases read best a case a line
"""Keys in configuration: found wherever they stand, shown nowhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.config.keys import HIDDEN, find_keys, looks_like_key, scrub
from reconciler.present.diagnostics import as_github, as_json, as_text
from tests.config.support import SAMPLE, codes, document, edited, loaded

ACCESS = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
PEM = "-----BEGIN RSA PRIVATE KEY-----\n  MIIEowIBAAKCAQEA7bq0sVt9yZ3mQ8f\n  -----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (f"a: {ACCESS}", [1]),
        (f"# {ACCESS}", [1]),
        (f"a: x\nb:\n  - 'id={ACCESS};'\n", [3]),
        (f"a: {ACCESS.replace('AKIA', 'ASIA')}", [1]),
        (f"id: {ACCESS}\nother: {SECRET}", [1, 2]),
        (f"other: {SECRET}\nid: {ACCESS}", [1, 2]),
        (f"a: |\n  {PEM}", [2]),
        ("a: -----BEGIN PRIVATE KEY-----", [1]),
        ("a: -----BEGIN PGP PRIVATE KEY BLOCK-----", [1]),
        (f"a: ghp_{'a1B2' * 9}", [1]),
        (f"a: AccountKey={'aB3' * 20}==", [1]),
        ("a: AKIA", []),
        (f"a: X{ACCESS}", []),
        (f"a: {SECRET}", []),
        ("roleArn: arn:aws:iam::123456789012:role/export", []),
        (f"sha: {'0' * 40}", []),
    ],
)
def test_found(text: str, lines: list[int]) -> None:
    found = find_keys("x.yaml", text)
    assert [each.source.line for each in found] == lines
    assert not any(secret in str(found) for secret in (ACCESS, SECRET, "MIIE"))


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (f"accessKeyId: {ACCESS}", HIDDEN),
        (f"where: x = '{SECRET}'", f"where: x = '{HIDDEN}'"),
        ("password: hunter2", f"password: {HIDDEN}"),
        ("  secretAccessKey: 'a b'  # note", f"  secretAccessKey: {HIDDEN}"),
        ('{"sessionToken": "abc"}', f'{{"sessionToken": {HIDDEN}'),
        ("url: http://user:pw@host/x", f"url: http://{HIDDEN}@host/x"),
        ("secretAccessKey: {fromEnv: NAME}", "secretAccessKey: {fromEnv: NAME}"),
        ("where: country = 'US'", "where: country = 'US'"),
        ("tokenUrl: https://id.example.com/token", None),
        ("tokenUrl: x, clientSecret: hunter2", f"tokenUrl: x, clientSecret: {HIDDEN}"),
        ("path: exports/prospects/of/the/agency/with/a/long/path/in/lower-case-2026", None),
    ],
)
def test_scrubbed(line: str, shown: str | None) -> None:
    assert scrub(line) == (line if shown is None else shown)


def test_the_scanner_and_the_quoter_agree() -> None:
    for text in (ACCESS, SECRET, "-----BEGIN PRIVATE KEY-----"):
        assert looks_like_key(text)
    assert not looks_like_key("prospects")


@pytest.mark.parametrize(
    "text",
    [
        document("Account", "x", f"{{type: aws, auth: {{accessKey: {{accessKeyId: {ACCESS}, secretAccessKey: {SECRET}}}}}}}"),
        document("Account", "x", f"\n  type: aws\n  auth:\n    accessKey:\n      accessKeyId: {ACCESS}\n      secretAccessKey: hunter2-hunter2"),
        document("Account", "x", f"\n  type: aws\n  secretAccessKey: {SECRET}"),
        document("Account", "x", f"\n  type: aws\n  {SECRET}: 1"),
        document("Account", SECRET, "{type: aws}"),
        document("Account", "x", f"\n  type: {SECRET}"),
        document("Account", "x", f"\n  key: |\n    {PEM}\n"),
        document("Account", "x", f"\n  key: {PEM}\n"),
        document("Account", "x", f"\n  type: aws\n  password: hunter2-hunter2: {SECRET}"),
        edited("country = 'US'", f"country = '{ACCESS}' + '{SECRET}' +"),
        edited("destination: outbox", f"destination: {SECRET}"),
        edited("{path: out}", f"{{path: '../{SECRET}'}}"),
        edited("region: eu-west-1}", "region: eu-west-1, endpoints: {s3: 'https://user:hunter2-hunter2@host'}}"),
        edited("matchLabels: {tier: gold}", f"matchLabels: {{tier: {ACCESS}}}"),
    ],
)  # fmt: skip
def test_no_output_repeats_a_key(text: str, tmp_path: Path) -> None:
    found = loaded(tmp_path, text)
    assert found.desired is None
    shown = as_text(found.diagnostics, found.files, files=1) + as_json(found.diagnostics) + as_github(found.diagnostics)
    for secret in (ACCESS, SECRET, "hunter2", "MIIEow"):
        assert secret not in shown
    assert json.loads(as_json(found.diagnostics))["diagnostics"]


def test_a_sound_project_has_none(tmp_path: Path) -> None:
    assert codes(loaded(tmp_path, SAMPLE).diagnostics) == []
