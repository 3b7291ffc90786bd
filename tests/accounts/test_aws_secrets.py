"""Secrets of AWS Secrets Manager, from a real server: found when they are needed, kept for a while in memory, never shown."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import boto3
import pytest

from reconciler.accounts.aws import AwsSession
from reconciler.accounts.aws_secrets import KEPT, AwsSecrets
from reconciler.accounts.secrets import SecretSource
from reconciler.errors import AccountError
from reconciler.resources.accounts.aws import AwsAccountSpec
from reconciler.resources.secrets import FromAwsSecret
from tests.servers.faultproxy import Answer, Drop, FaultProxy, Rule
from tests.servers.s3 import S3Server

VALUE = "hunter2-hunter2"


@pytest.fixture(autouse=True)
def _found_by_the_environment(moto_server: S3Server, moto_proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in moto_server.at(moto_proxy.endpoint).env().items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def manager(moto_server: S3Server) -> Any:
    """A client that prepares secrets; what is tested finds the same server through the proxy."""
    return boto3.client(
        "secretsmanager",
        endpoint_url=moto_server.endpoint,
        region_name="eu-west-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )


def made(manager: Any, **value: str | bytes) -> str:
    arn: str = manager.create_secret(Name=f"team/{secrets.token_hex(6)}", **value)["ARN"]
    return arn


def resolve(arn: str, key: str | None = None, source: SecretSource | None = None) -> str:
    ref = FromAwsSecret(from_aws_secret=arn, key=key)
    return (source or SecretSource(Path("/"), {})).resolve(ref).reveal()


def test_the_whole_text_or_what_stands_under_a_key(manager: Any) -> None:
    assert resolve(made(manager, SecretString=VALUE)) == VALUE
    arn = made(manager, SecretString=json.dumps({"user": "ana", "password": VALUE}))
    assert resolve(arn, "password") == VALUE
    assert json.loads(resolve(arn)) == {"user": "ana", "password": VALUE}


def test_its_region_is_the_arns(manager: Any, moto_proxy: FaultProxy) -> None:
    resolve(made(manager, SecretString=VALUE))
    assert "/eu-west-1/secretsmanager/" in moto_proxy.seen[-1].headers["authorization"]


def test_two_keys_are_one_request_and_a_rotated_secret_is_found_later(manager: Any, moto_proxy: FaultProxy) -> None:
    arn = made(manager, SecretString=json.dumps({"id": "one", "key": "two"}))
    now = [0.0]
    source = SecretSource(Path("/"), {}, AwsSecrets(clock=lambda: now[0]))
    assert [resolve(arn, name, source) for name in ("id", "key", "id")] == ["one", "two", "one"]
    assert len(moto_proxy.seen) == 1
    manager.put_secret_value(SecretId=arn, SecretString=json.dumps({"id": "three"}))
    assert resolve(arn, "id", source) == "one"
    now[0] = KEPT
    assert resolve(arn, "id", source) == "three"
    assert VALUE not in repr(source)
    assert "three" not in repr(source)


@pytest.mark.parametrize(
    ("value", "key", "code", "said"),
    [
        ({"SecretString": VALUE}, "password", "A102", "isn't a JSON object"),
        ({"SecretString": f'["{VALUE}"]'}, "password", "A102", "isn't a JSON object"),
        ({"SecretString": "[" * 50_000}, "password", "A102", "isn't a JSON object"),
        ({"SecretString": json.dumps({"pasword": VALUE})}, "password", "A101", "no key password"),
        ({"SecretString": json.dumps({"password": [VALUE]})}, "password", "A102", "isn't text"),
        ({"SecretString": json.dumps({"password": ""})}, "password", "A102", "empty"),
        ({"SecretBinary": VALUE.encode()}, None, "A102", "binary"),
    ],
)
def test_what_cannot_be_used_is_named_without_its_value(
    manager: Any, value: dict[str, Any], key: str | None, code: str, said: str
) -> None:
    arn = made(manager, **value)
    with pytest.raises(AccountError, match=code) as caught:
        resolve(arn, key)
    assert said in caught.value.detail
    assert arn in caught.value.detail
    known: BaseException | None = caught.value
    while known is not None:
        assert VALUE not in f"{known} {vars(known)}"
        known = known.__context__


def test_one_that_is_not_there_or_is_to_be_deleted(manager: Any) -> None:
    arn = made(manager, SecretString=VALUE)
    with pytest.raises(AccountError, match=r"A101.*There is no such secret"):
        resolve(arn.replace("team/", "nobody/"))
    manager.delete_secret(SecretId=arn)
    with pytest.raises(AccountError, match=r"A101.*marked for deletion"):
        resolve(arn)


@pytest.mark.parametrize(
    ("status", "answered", "code", "said"),
    [
        (400, "AccessDeniedException", "A108", "secretsmanager:GetSecretValue"),
        (400, "DecryptionFailure", "A108", "kms:Decrypt"),
        (400, "UnrecognizedClientException", "A104", "UnrecognizedClientException"),
        (500, "InternalServiceError", "A106", "InternalServiceError"),
    ],
)
def test_a_refusal_names_what_is_missing(
    manager: Any, moto_proxy: FaultProxy, status: int, answered: str, code: str, said: str
) -> None:
    arn = made(manager, SecretString=VALUE)
    moto_proxy.add(Rule(Answer(status, answered, json=True)))
    with pytest.raises(AccountError, match=code) as caught:
        resolve(arn)
    assert said in caught.value.detail
    assert arn in caught.value.detail


def test_a_server_that_cannot_be_reached(manager: Any, moto_proxy: FaultProxy) -> None:
    moto_proxy.add(Rule(Drop()))
    with pytest.raises(AccountError, match="A106"):
        resolve(made(manager, SecretString=VALUE))


def test_without_credentials_it_says_so(manager: Any, monkeypatch: pytest.MonkeyPatch, moto_proxy: FaultProxy) -> None:
    arn = made(manager, SecretString=VALUE)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(AccountError, match="A104"):
        resolve(arn)


def test_a_key_pair_from_there_is_asked_for_with_the_accounts_profile(
    manager: Any, moto_proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    (tmp_path / "credentials").write_text("[team]\naws_access_key_id=AKIDTEAM\naws_secret_access_key=x\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    arn = made(manager, SecretString=json.dumps({"external": "theirs"}))
    role = {
        "roleArn": "arn:aws:iam::123456789012:role/export",
        "externalId": {"fromAwsSecret": arn, "key": "external"},
    }
    spec = AwsAccountSpec.model_validate({"type": "aws", "auth": {"profile": "team", "assumeRole": role}})
    assert AwsSession(spec, SecretSource(Path("/"), {})).credentials().access_key_id
    asked, assumed = moto_proxy.seen
    assert "Credential=AKIDTEAM/" in asked.headers["authorization"]
    assert b"ExternalId=theirs" in assumed.body
