"""Every way to authenticate, against a real STS and real signatures."""

from __future__ import annotations

import subprocess
import sys
import threading
import urllib.parse
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from reconciler.accounts.aws import AwsSession, ambient_session
from reconciler.accounts.aws_role import role_session
from reconciler.accounts.secrets import SecretSource
from reconciler.errors import AccountError
from reconciler.resources.accounts.aws import AwsAccountSpec
from tests.servers.faultproxy import Answer, Drop, FaultProxy, Request, Rule
from tests.servers.s3 import S3Server

ROLE = "arn:aws:iam::123456789012:role/export"
KEYS = {"accessKey": {"accessKeyId": {"fromEnv": "ID"}, "secretAccessKey": {"fromEnv": "KEY"}}}
EXTERNAL = "external-id-of-ours"
SECRETS = {"ID": "AKIDOFTHEBASE", "KEY": "secret-of-the-base", "EXTERNAL": EXTERNAL}


@pytest.fixture(autouse=True)
def nothing_ambient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credentials, profile or instance role of the machine that runs the tests."""
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


def session(
    auth: dict[str, Any], *, sts: str | None = None, s3: str | None = None, region: str | None = "eu-west-1"
) -> AwsSession:
    spec = {"type": "aws", "auth": auth, "region": region, "endpoints": {"sts": sts, "s3": s3}}
    return AwsSession(AwsAccountSpec.model_validate(spec), SecretSource(Path("/"), SECRETS))


def form(request: Request) -> dict[str, str]:
    return dict(urllib.parse.parse_qsl(request.body.decode()))


def test_a_key_pair_signs(seaweed_server: S3Server) -> None:
    spec = AwsAccountSpec.model_validate({"type": "aws", "auth": KEYS, "endpoints": {"s3": seaweed_server.endpoint}})
    good = SecretSource(Path("/"), {"ID": seaweed_server.access_key, "KEY": seaweed_server.secret_key})
    AwsSession(spec, good).s3().list_buckets()
    bad = SecretSource(Path("/"), {"ID": seaweed_server.access_key, "KEY": "wrong"})
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        AwsSession(spec, bad).s3().list_buckets()


def test_a_session_token_goes_along(
    moto_server: S3Server, moto_proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SECRETS, "TOKEN", "the-token")
    key = {**KEYS["accessKey"], "sessionToken": {"fromEnv": "TOKEN"}}
    session({"accessKey": key}, s3=moto_proxy.endpoint).s3().list_buckets()
    assert moto_proxy.seen[0].headers["x-amz-security-token"] == "the-token"


def test_a_missing_secret_is_named_when_it_is_used_and_not_before() -> None:
    account = session({"accessKey": {"accessKeyId": {"fromEnv": "ID"}, "secretAccessKey": {"fromEnv": "NOT_SET"}}})
    with pytest.raises(AccountError, match=r"A101.*NOT_SET"):
        account.s3()


def test_ambient_credentials_come_from_the_environment(
    seaweed_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in seaweed_server.env().items():
        monkeypatch.setenv(name, value)
    account = ambient_session(SecretSource(Path("/"), {}))
    account.s3().list_buckets()
    assert account.region == seaweed_server.region
    assert account.engine_options() == {
        "access_key_id": seaweed_server.access_key,
        "secret_access_key": seaweed_server.secret_key,
        "region": seaweed_server.region,
        "endpoint_url": seaweed_server.endpoint,
    }


def test_a_profile(seaweed_server: S3Server, tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text(
        f"[team]\naws_access_key_id={seaweed_server.access_key}\naws_secret_access_key={seaweed_server.secret_key}\n"
    )
    session({"profile": "team"}, s3=seaweed_server.endpoint).s3().list_buckets()


def test_a_profile_that_is_not_there_is_named() -> None:
    with pytest.raises(AccountError, match=r"A103.*nobody"):
        session({"profile": "nobody"}).s3()


def test_no_credentials_at_all_are_said_so() -> None:
    with pytest.raises(AccountError, match="A104"):
        session({}).credentials()


def test_a_role_is_assumed_with_the_external_id(moto_server: S3Server, moto_proxy: FaultProxy) -> None:
    auth = {**KEYS, "assumeRole": {"roleArn": ROLE, "externalId": {"fromEnv": "EXTERNAL"}, "sessionName": "nightly"}}
    account = session(auth, sts=moto_proxy.endpoint, s3=moto_proxy.endpoint)
    client = account.s3()
    assert moto_proxy.seen == []  # a role is assumed when it is needed
    client.list_buckets()
    client.list_buckets()
    sts, first, second = moto_proxy.seen
    sent = form(sts)
    assert (sent["Action"], sent["RoleArn"], sent["RoleSessionName"]) == ("AssumeRole", ROLE, "nightly")
    assert sent["ExternalId"] == EXTERNAL
    assert "Credential=AKIDOFTHEBASE/" in sts.headers["authorization"]
    assert "/eu-west-1/sts/" in sts.headers["authorization"]
    found = account.credentials()
    for request in (first, second):
        assert f"Credential={found.access_key_id}/" in request.headers["authorization"]
        assert request.headers["x-amz-security-token"] == found.session_token
    assert found.access_key_id != "AKIDOFTHEBASE"
    assert found.expires is not None
    assert timedelta(minutes=50) < found.expires - datetime.now(UTC) <= timedelta(hours=1, minutes=1)
    assert found.secret_access_key not in repr(found)


def test_a_role_is_assumed_on_top_of_ambient_credentials_without_an_external_id(
    moto_server: S3Server, moto_proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDAMBIENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    account = session({"assumeRole": {"roleArn": ROLE}}, sts=moto_proxy.endpoint, region=None)
    assert account.credentials().access_key_id
    assert "ExternalId" not in form(moto_proxy.seen[0])
    assert "Credential=AKIDAMBIENT/" in moto_proxy.seen[0].headers["authorization"]
    assert "/us-east-1/sts/" in moto_proxy.seen[0].headers["authorization"]


def test_environment_credentials_never_stand_in_for_a_role(
    moto_proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDAMBIENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    moto_proxy.add(Rule(Answer(403, "AccessDenied"), method="POST"))
    account = session({"assumeRole": {"roleArn": ROLE}}, sts=moto_proxy.endpoint, s3=moto_proxy.endpoint)
    with pytest.raises(AccountError, match="A105"):
        account.s3().list_buckets()
    assert [request.method for request in moto_proxy.seen] == ["POST"]


def test_a_role_that_wants_another_external_id_is_explained(moto_server: S3Server, moto_proxy: FaultProxy) -> None:
    """moto judges no trust policy: the proxy answers as STS does."""
    moto_proxy.add(
        Rule(Answer(403, "AccessDenied"), when=lambda r: r.method == "POST" and form(r).get("ExternalId") != "theirs")
    )
    auth = {**KEYS, "assumeRole": {"roleArn": ROLE, "externalId": {"fromEnv": "EXTERNAL"}}}
    with pytest.raises(AccountError, match="A105") as caught:
        session(auth, sts=moto_proxy.endpoint).credentials()
    assert ROLE in caught.value.detail
    assert "AccessDenied" in caught.value.detail
    assert EXTERNAL not in str(caught.value)
    assert "secret-of-the-base" not in str(caught.value)


def test_an_unreachable_sts_is_named(moto_proxy: FaultProxy) -> None:
    moto_proxy.add(Rule(Drop()))
    auth = {**KEYS, "assumeRole": {"roleArn": ROLE}}
    with pytest.raises(AccountError, match="A106"):
        session(auth, sts=moto_proxy.endpoint).credentials()


def given(minutes: float, n: int) -> dict[str, str]:
    expiry = (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()
    return {"access_key": f"AKID{n}", "secret_key": "s", "token": "t", "expiry_time": expiry}


@pytest.mark.parametrize(("minutes", "assumed"), [(60, 1), (5, 3)])
def test_credentials_are_renewed_before_they_end(minutes: float, assumed: int) -> None:
    calls: list[int] = []

    def assume() -> dict[str, str]:
        calls.append(1)
        return given(minutes, len(calls))

    credentials = role_session(boto3.Session(region_name="eu-west-1"), assume).get_credentials()
    assert credentials is not None
    assert calls == []
    seen = [credentials.get_frozen_credentials().access_key for _ in range(3)]
    assert len(calls) == assumed
    assert seen[-1] == f"AKID{assumed}"


def test_clients_are_made_once_per_use() -> None:
    account = session(KEYS, s3="http://127.0.0.1:9")
    assert account.s3() is account.s3()
    assert account.s3(attempts=1) is not account.s3()
    assert account.s3(region="eu-central-1").meta.region_name == "eu-central-1"


@pytest.mark.parametrize(
    ("auth", "secret"),
    [(KEYS, "secret-of-the-base"), ({**KEYS, "assumeRole": {"roleArn": ROLE}}, "secret-of-the-base")],
)
def test_a_session_shows_no_secret(auth: dict[str, Any], secret: str) -> None:
    account = session(auth)
    assert secret not in repr(account) + str(vars(account))


def test_boto3_is_not_loaded_until_it_is_needed() -> None:
    code = "import reconciler.accounts.aws, reconciler.stores.open, sys; print({'boto3', 'botocore'} & {*sys.modules})"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert run.stdout == "set()\n"


_WITHOUT_BOTO = """
import sys
import threading
from pathlib import Path
sys.modules["boto3"] = sys.modules["botocore"] = None
from reconciler.accounts.aws import ambient_session
from reconciler.accounts.secrets import SecretSource
from reconciler.errors import MissingExtra
from reconciler.stores.open import open_store
session = ambient_session(SecretSource(Path("/"), {}))
ledger = lambda: open_store("s3://bucket", root=Path("/"), session=lambda: session)
for act in (session.s3, session.credentials, ledger):
    try:
        act()
    except MissingExtra as error:
        print(error.detail)
"""


def test_without_boto3_the_line_that_installs_it_is_said() -> None:
    run = subprocess.run(
        [sys.executable, "-c", _WITHOUT_BOTO], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert run.stdout.count("pip install 'reconciler[s3]'") == 3


class Meeting:
    """The session's lock. Whoever has it first waits for another to want it, for a moment: nobody may."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.taken, self.wanted = threading.Event(), threading.Event()

    def __enter__(self) -> None:
        if self.taken.is_set():
            self.wanted.set()
        self.lock.acquire()
        if not self.taken.is_set():
            self.taken.set()
            self.wanted.wait(1)

    def __exit__(self, *_: object) -> None:
        self.lock.release()


def test_threads_that_use_it_first_in_different_ways_do_not_wait_for_each_other(moto_server: S3Server) -> None:
    """One way to the session led through its lock, the other took the lock on the way."""
    account = session(KEYS, s3=moto_server.endpoint)
    meeting = Meeting()
    account._lock = meeting  # type: ignore[assignment]
    first = threading.Thread(target=account.s3, daemon=True)
    first.start()
    meeting.taken.wait(60)
    second = threading.Thread(target=account.credentials, daemon=True)
    second.start()
    for each in (first, second):
        each.join(30)
        assert not each.is_alive()
