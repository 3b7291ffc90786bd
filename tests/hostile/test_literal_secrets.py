"""Secrets that stand in the configuration are never repeated: by no command, in no format, whatever else is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.support import SAMPLE, document, edited, write
from tests.hostile.calls import reconcile

ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
PEM = "-----BEGIN RSA PRIVATE KEY-----"
PASSWORD = "hunter2"
SECRETS = (ACCESS_KEY, SECRET_KEY, PEM, PASSWORD)
CALLS = (
    ("validate", "--format", "text"), ("validate", "--format", "json"), ("validate", "--format", "github"),
    ("plan",), ("plan", "--format", "markdown"), ("apply", "--yes"), ("run",), ("status",), ("list", "destination"),
)  # fmt: skip


def account(auth: str) -> str:
    return document("Account", "x", f"{{type: aws, auth: {auth}}}")


def keys(secret: str) -> str:
    """A key pair whose second half is written as `secret` says."""
    return account(f"{{accessKey: {{accessKeyId: {{fromEnv: A}}, secretAccessKey: {secret}}}}}")


BLOCK = """
apiVersion: reconciler/v1
kind: Account
metadata: {name: x}
spec:
  type: aws
  auth:
    accessKey:
      accessKeyId: {fromEnv: A}
      secretAccessKey:
        value: hunter2
        more: hunter2
"""

PLACES = {
    "where a secret is named": keys(PASSWORD),
    "as a list": keys(f"[{PASSWORD}]"),
    "as a number of a variable": keys(f"{{fromEnv: '{PASSWORD}!'}}"),
    "as a key": keys(f"{{fromEnv: A, {PASSWORD}: x}}"),
    "beside the reference": keys(f"{{fromEnv: A, value: {PASSWORD}}}"),
    "below another key": BLOCK,
    "too long for a file": keys(f"{{fromFile: {PASSWORD * 1000}}}"),
    "in the wrong place": account(f"{{accessKeyId: {ACCESS_KEY}, secretAccessKey: {PASSWORD}}}"),
    "under a misspelt key": edited("externalId: {fromEnv: AGENCY_EXTERNAL_ID}", f"externalID: {PASSWORD}"),
    "twice": account(f"{{accessKey: {{secretAccessKey: {PASSWORD}, secretAccessKey: {PASSWORD}}}}}"),
    "on a line that can't be read": keys(f"{PASSWORD}: [").replace("}", ""),
    "with a tag": keys(f"!secret {PASSWORD}"),
    "in a description": SAMPLE.replace("name: growth", f"name: growth, description: {ACCESS_KEY} {SECRET_KEY}", 1),
    "in a label": SAMPLE.replace("team: growth", f"team: {ACCESS_KEY}"),
    "in a condition": edited("country = 'US' AND", f"country = '{ACCESS_KEY}' AND"),
    "in a condition that can't be read": edited("country = 'US' AND", f"{ACCESS_KEY} = {SECRET_KEY} AND ("),
    "as a choice": edited("  dataType: prospects", f"  dataType: {ACCESS_KEY}"),
    "as a name": SAMPLE.replace("name: us-high-intent", f"name: {ACCESS_KEY}"),
    "in a comment": SAMPLE + f"# {PEM}\n# {SECRET_KEY} {ACCESS_KEY}\n",
    "in a template": edited("files: {maxRows: 5000000}", f"files: {{name: '{{{ACCESS_KEY}}}'}}"),
    "in a url": edited("region: eu-west-1}", f"region: eu-west-1, endpoints: {{s3: 'https://a:{PASSWORD}@minio'}}}}"),
    "in a location": edited("s3://lake/prospects/", f"s3://{ACCESS_KEY}:{SECRET_KEY}@lake/prospects/"),
    "in the ledger's url": edited("s3://acme-reconcile/growth", f"s3://a:{PASSWORD}@acme-reconcile/growth"),
    "in a block": SAMPLE.replace(
        "name: growth", f"name: growth\n  description: |\n    {PEM}\n    {SECRET_KEY}", 1
    ).replace("metadata: {name: growth\n  description: |", "metadata:\n  name: growth\n  description: |"),
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_a_literal_secret_is_refused_and_not_repeated(place: str, tmp_path: Path) -> None:
    found = reconcile(write(tmp_path, {"all.yaml": PLACES[place]}), "validate")
    assert found.code == 3, found.said
    assert not any(secret in found.said for secret in SECRETS), found.said


def test_no_command_repeats_one(tmp_path: Path) -> None:
    texts = {f"{at}.yaml": text for at, text in enumerate(PLACES.values())}
    folder = write(tmp_path, {**texts, "environments/prod.yaml": PLACES["in a description"]})
    for arguments in CALLS:
        for more in ((), ("--env", "prod")) if arguments[0] != "list" else ((),):
            found = reconcile(folder, *arguments, *more)
            assert found.code == 3, found.said
            assert not any(secret in found.said for secret in SECRETS), (arguments, found.said)
