"""What is opened with one account shares its session, for a while."""

from __future__ import annotations

from pathlib import Path

from reconciler.accounts.sessions import SHARED, Sessions
from reconciler.api.wiring import Wiring
from reconciler.config.project import LedgerPlace
from reconciler.ledger import keys
from reconciler.ledger.records import ProjectRecord
from reconciler.resources.accounts.aws import AwsAccountSpec
from reconciler.resources.effective import EffectiveDestination
from reconciler.resources.project import EngineSpec, LedgerSpec
from tests.servers.faultproxy import FaultProxy
from tests.servers.s3 import S3Server

KEYS = {"accessKey": {"accessKeyId": {"fromFile": "id"}, "secretAccessKey": {"fromFile": "key"}}}


def account(region: str = "eu-west-1") -> AwsAccountSpec:
    return AwsAccountSpec.model_validate({"type": "aws", "auth": KEYS, "region": region})


def test_by_account(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path)
    assert sessions.aws(account()) is sessions.aws(account())
    assert sessions.aws(account()) is not sessions.aws(account("us-east-1"))
    assert sessions.aws(None) is sessions.aws(None)
    assert sessions.aws(None) is not sessions.aws(account())


def test_rotated_keys_are_picked_up(tmp_path: Path) -> None:
    now = 1.0
    sessions = Sessions(tmp_path, lambda: now)

    def key() -> str:
        return sessions.aws(account()).credentials().access_key_id

    (tmp_path / "key").write_text("secret")
    (tmp_path / "id").write_text("AKIDFIRST")
    assert key() == "AKIDFIRST"
    (tmp_path / "id").write_text("AKIDSECOND")
    now += SHARED - 1
    assert key() == "AKIDFIRST"
    now += 1
    assert key() == "AKIDSECOND"


def test_a_role_is_assumed_once_for_all_that_is_opened(
    moto_server: S3Server, moto_proxy: FaultProxy, tmp_path: Path
) -> None:
    (tmp_path / "id").write_text("AKIDOFTHEBASE")
    (tmp_path / "key").write_text("secret")
    at = moto_proxy.endpoint
    role = AwsAccountSpec.model_validate(
        {
            "type": "aws",
            "region": "eu-west-1",
            "auth": {**KEYS, "assumeRole": {"roleArn": "arn:aws:iam::123456789012:role/export"}},
            "endpoints": {"s3": at, "sts": at},
        }
    )
    ledger, bucket = moto_server.create_bucket(), moto_server.create_bucket()
    box = {"name": "box", "spec": {"type": "s3", "account": "a", "connection": {"bucket": bucket}}, "account": role}
    destination = EffectiveDestination.model_validate(box)
    wiring = Wiring(tmp_path, LedgerPlace("p", None, LedgerSpec(url=f"s3://{ledger}/shop"), role, EngineSpec()))
    assert wiring.ledger().read(ProjectRecord, keys.PROJECT) is None
    for _ in range(2):
        wiring.destination(destination).owner()
    assert sum(b"AssumeRole" in request.body for request in moto_proxy.seen) == 1
    assert len(moto_proxy.seen) > 3
