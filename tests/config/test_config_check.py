# ruff: noqa: E501 - tables of cases read best a case a line
"""Documents against the schemas: what is said about each kind of mistake, and where."""

from __future__ import annotations

import pytest

from reconciler.config.check import check
from reconciler.config.parse import parse
from reconciler.diagnostics import Diagnostic
from tests.config.support import HEAD, SAMPLE, marked

V1 = "apiVersion: reconciler/v1\n"


def findings(text: str) -> list[Diagnostic]:
    documents, wrong = parse(text.encode(), "x.yaml")
    assert wrong == []
    return [each for document in documents for each in check(document)[1]]


def spec(kind: str, body: str) -> str:
    return HEAD.format(kind=kind, name="x") + f"spec: {body}\n"


AUDIENCE = "{dataType: prospects, dataset: d, where: a = 1}"
SCHEDULE = '{frequency: daily, time: "02:00"}'

CASES: list[tuple[str, str, str, str]] = [
    # text, code, marked text, part of the detail
    ("apiVersion: reconciler/v2\nkind: Audience", "C108", "reconciler/v2", "apiVersion: reconciler/v1"),
    ("apiVersion: v1\nkind: ConfigMap", "C108", "v1", "Project.spec.exclude"),
    ("apiVersion: 1\nkind: Audience", "C108", "1", "is another"),
    ("apiversion: reconciler/v1\nkind: Audience", "C108", "", "Did you mean to write apiVersion?"),
    ("a: 1", "C108", "", "has no apiVersion"),
    (V1 + "kind: Audiense", "C107", "Audiense", "Did you mean Audience?"),
    (V1 + "kind: Rule", "C107", "Rule", "The kinds are Project,"),
    (V1 + "kind: [a]", "C107", "[a]", "The kinds are"),
    (V1 + "kind: Audience\nmetadata: {name: x}", "C102", "", "The key spec is missing"),
    (V1 + f"kind: Audience\nmetadata: {{name: Us}}\nspec: {AUDIENCE}", "C105", "Us", "A DNS label"),
    (V1 + f"kind: Audience\nmetadata: {{name: us\u0430}}\nspec: {AUDIENCE}", "C105", "us\u0430", "A DNS label"),
    (V1 + f'kind: Audience\nmetadata: {{name: "us\\n"}}\nspec: {AUDIENCE}', "C105", '"us\\n"', "A DNS label"),
    (V1 + f'kind: Audience\nmetadata: {{name: "u\\u200bs"}}\nspec: {AUDIENCE}', "C105", '"u\\u200bs"', "A DNS label"),
    (V1 + f"kind: Audience\nmetadata: {{name: us, labels: {{a b: c}}}}\nspec: {AUDIENCE}", "C105", "a b", "The key"),
    (V1 + f"kind: Audience\nmetadata: {{name: us, override: {{}}}}\nspec: {AUDIENCE}", "C101", "override", "Keys here: name"),
    (V1 + f"kind: Audience\nmetadata: us\nspec: {AUDIENCE}", "C103", "us", "This must be a mapping, not text."),
    (spec("Audience", AUDIENCE.replace("dataset", "datset")), "C101", "datset", "Did you mean dataset?"),
    (spec("Audience", AUDIENCE.replace("dataType", "data_type")), "C101", "data_type", "Did you mean dataType?"),
    (spec("Audience", AUDIENCE.replace("a = 1", "5")), "C103", "5", "Put it in quotes."),
    (spec("Audience", AUDIENCE.replace("a = 1", "")), "C103", "", "not empty. Write a value, or remove the key."),
    (spec("Audience", AUDIENCE.replace("prospects", "prospect")), "C104", "prospect", "Did you mean prospects?"),
    (spec("Activation", "{destination: a, schedule: b, suspend: yes}"), "C103", "yes", "true or false, not text"),
    (spec("Activation", "{destination: a, schedule: b, audiences: x}"), "C103", "x", "This must be a list, not text."),
    (spec("Activation", "{destination: a, schedule: b, owner: daily}"), "C101", "owner", "no key"),
    (spec("Activation", "{destination: a, schedule: b, columns: []}"), "C106", "[]", "1 entries at least"),
    (spec("Activation", "{destination: a, schedule: b, columns: [5]}"), "C103", "5", "text or {column: …, constant: …, as: …, transform: …, required: …}"),
    (spec("Activation", "{destination: a, schedule: b, backfill: {}}"), "C102", "backfill", "The key from is missing"),
    (spec("Activation", "{destination: a, schedule: b, backfill: fulll}"), "C104", "fulll", "Did you mean full?"),
    (spec("Activation", "{destination: a, schedule: b, backfill: {from: 2026-11-01}}"), "C110", "2026-11-01", ""),
    (spec("Activation", "{destination: a, schedule: b, guards: {audience: {maxChange: 50}}}"), "C103", "50", "quotes"),
    (spec("Activation", "{destination: a, schedule: b, guards: {audience: {minRows: 010}}}"), "C103", "010", "an integer, not text"),
    (spec("Activation", "{destination: a, schedule: b, guards: {export: {maxRows: 1.5}}}"), "C103", "1.5", "an integer, not a number"),
    (spec("Activation", "{destination: a, schedule: b, guards: {export: {maxRows: -1}}}"), "C106", "-1", "smallest value is 0"),
    (spec("Schedule", "{frequency: dayly}"), "C104", "dayly", "Did you mean daily?"),
    (spec("Schedule", "{}"), "C102", "spec", "One of: hourly, daily"),
    (spec("Schedule", '{frequency: daily, tiem: "02:00"}'), "C101", "tiem", "Did you mean time?"),
    (spec("Schedule", "{frequency: daily, time: 25:00}"), "C105", "25:00", "Clock time HH:MM"),
    (spec("Schedule", '{frequency: daily, time: "02:00", startDate: 2026-02-30}'), "C110", "2026-02-30", "no such day"),
    (spec("Schedule", '{frequency: daily, time: "02:00", timezone: Europe/Berlim}'), "C110", "Europe/Berlim", "Europe/Berlin?"),
    (spec("Destination", "{type: fax}"), "R140", "fax", "There are: local,"),
    (spec("Destination", "{type: locl}"), "R140", "locl", "Did you mean local?"),
    (spec("Destination", "{type: 5}"), "C104", "5", "local"),
    (spec("Destination", "{type: local, connection: {path: x}, account: a}"), "C101", "account", "no key"),
    (spec("Destination", "{type: local, connection: {path: x}, format: {type: csv, compression: snappy}}"), "C104", "snappy", "none, gzip"),
    (spec("Destination", "{type: s3, account: a, connection: {bucket: 1.2.3.4}}"), "C105", "1.2.3.4", "not an IP"),
    (spec("Destination", "{type: s3, account: a, connection: {bucket: Abc}}"), "C105", "Abc", "lower-case"),
    (spec("Destination", "{type: s3, account: a, connection: {bucket: abc, expectedBucketOwner: 123456789012}}"), "C103", "123456789012", "quotes"),
    (spec("Account", "{type: aws, auth: {assumeRole: {roleArn: arn}}}"), "C105", "arn", "form"),
    (spec("Account", "{type: aws, endpoints: {s3: 'http://user:pass@host'}}"), "C105", "'http://user:pass@host'", "form"),
    (spec("Account", "{type: aws, auth: {assumeRole: {roleArn: 'arn:aws:iam::123456789012:role/x', externalId: abc}}}"), "S101", "abc", "fromEnv"),
    (spec("Account", "{type: aws, auth: {accessKey: {accessKeyId: {fromEnv: A, fromFile: b}, secretAccessKey: {fromEnv: B}}}}"),
     "C109", "{fromEnv: A, fromFile: b}", "exactly one"),
    (spec("Account", "{type: aws, auth: {accessKey: {accessKeyId: {fromEvn: A}, secretAccessKey: {fromEnv: B}}}}"),
     "C109", "{fromEvn: A}", "{fromEnv: …}; {fromFile: …}; {fromAwsSecret: …}"),
    (spec("Account", "{type: sftp, user: me, password: {fromAwsSecret: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:a', kee: b}}"),
     "C109", "{fromAwsSecret: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:a', kee: b}", "with key: …"),
    (spec("Account", "{type: sftp, user: me, password: {fromAwsSecret: sftp-password}}"), "C105", "sftp-password", "arn:aws:secretsmanager:"),
    (spec("Account", "{type: sftp, user: me, password: {fromEnv: A, key: b}}"), "C109", "{fromEnv: A, key: b}", "exactly one"),
    (spec("Account", "{type: aws, auth: {accessKey: {accessKeyId: {fromEnv: 1A}, secretAccessKey: {fromEnv: B}}}}"), "C105", "1A", "form"),
    (spec("Dataset", "{location: x, format: csv, columns: {a: {type: string, tags: [I1]}}}"), "C101", "tags", "no key"),
    (spec("Dataset", "{location: x, format: csv, columns: {}}"), "C106", "{}", "1 keys at least"),
    (spec("Dataset", "{location: x, format: csv, columns: {a: string}}"), "C103", "string", "a mapping, not text"),
    (spec("Project", "{ledger: {url: http://x}}"), "C105", "http://x", "form"),
    (spec("Project", "{engine: {cluster: big}}"), "C101", "cluster", "no key"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "where", "detail"), CASES)
def test_mistake(text: str, code: str, where: str, detail: str) -> None:
    found = [each for each in findings(text) if each.code == code]
    assert found, findings(text)
    assert marked(text, found[0]) == where
    assert detail in found[0].detail


def test_one_mistake_is_one_finding() -> None:
    for text, code, _, _ in CASES:
        if "{a: 1" not in text and code not in ("C108",):
            expected = 2 if text[len(V1) :] == "kind: Audience\nmetadata: {name: x}" else 1
            assert len(findings(text)) <= expected, (text, findings(text))


def test_the_sample_is_valid() -> None:
    assert findings(SAMPLE) == []


def test_a_literal_secret_is_never_repeated() -> None:
    secret = "hunter2-hunter2"
    text = spec(
        "Account", f"{{type: aws, auth: {{accessKey: {{accessKeyId: {secret}, secretAccessKey: [{secret}]}}}}}}"
    )
    found = findings(text)
    assert [each.code for each in found] == ["S101", "S101"]
    assert secret not in str(found)


def test_values_of_enumerations_that_look_like_keys_are_not_repeated() -> None:
    found = findings(spec("Audience", AUDIENCE.replace("prospects", "AKIAIOSFODNN7EXAMPLE")))
    assert "AKIA" not in str(found)
