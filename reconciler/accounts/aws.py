"""Sessions with AWS, or with what speaks its protocols. boto3 loads when a session is first used."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final

from reconciler.accounts.aws_errors import no_credentials, said_plainly
from reconciler.accounts.secrets import SecretSource
from reconciler.errors import MissingExtra
from reconciler.resources.accounts.aws import AccessKey, AssumeRole, AwsAccountSpec
from reconciler.resources.accounts.base import AccountSpec
from reconciler.version import __version__

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sts import STSClient

_STS_REGIONS: Final = {"aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
_ROLE_SECONDS: Final = 3600


@dataclass(frozen=True)
class Credentials:
    """What an engine needs to read by itself. `expires`: aware UTC, None for keys that don't."""

    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    expires: datetime | None = None


class AwsSession:
    """One account's access. Threads may share it; clients are cheap to keep and dear to make.

    Credentials of assumed roles renew themselves 10 to 15 minutes before they end, with secrets resolved anew.
    Methods raise `AccountError` and `MissingExtra`; the clients' own calls raise botocore's errors, and
    `AccountError` where renewing fails.
    """

    signs_in_with: ClassVar[type[AccountSpec]] = AwsAccountSpec

    def __init__(self, spec: AwsAccountSpec, secrets: SecretSource) -> None:
        self._spec = spec
        self._secrets = secrets
        self._lock = threading.RLock()
        self._clients: dict[tuple[str | None, int, float, int], S3Client] = {}

    @property
    def region(self) -> str | None:
        """The account's region, else the environment's or the profile's."""
        return self._spec.region or self._session.region_name

    def s3(
        self, *, region: str | None = None, attempts: int = 5, read_timeout: float = 60, connections: int = 64
    ) -> S3Client:
        """An S3 client; the same one for the same options.

        `attempts` in all per call (1: the client never sends anything twice), `read_timeout` in seconds, `connections` kept
        for later at most: several flows share a client.
        """
        options = (region or self._spec.region, attempts, read_timeout, connections)
        # It has a lock of its own (Python 3.11), under which ours is taken: never the other way round.
        session = self._session
        with self._lock:
            if options not in self._clients:
                self._clients[options] = self._new_s3(session, *options)
            return self._clients[options]

    def glue(self) -> Any:
        """A client of AWS Glue's catalogue, in the account's region."""
        session = self._session
        from botocore.config import Config

        config = Config(
            retries={"mode": "standard", "total_max_attempts": 5},
            connect_timeout=10,
            read_timeout=30,
            user_agent_extra=f"reconciler/{__version__}",
        )
        # Its type isn't among the stubs.
        make: Any = session.client
        with self._lock, said_plainly(self._spec.auth):
            return make("glue", region_name=self._spec.region, config=config)

    def sign_in(self) -> str:
        """See `SignsIn`. Keys are looked at by whatever they open; a role is assumed."""
        self.credentials()
        role = self._spec.auth.assume_role
        return "found credentials" if role is None else f"assumed {role.role_arn}"

    def credentials(self) -> Credentials:
        """Credentials as they are now, renewed first if they end within 15 minutes."""
        session = self._session
        with self._lock, said_plainly(self._spec.auth):
            found = session.get_credentials()
            if found is None:
                raise no_credentials()
            frozen = found.get_frozen_credentials()
        return Credentials(
            frozen.access_key or "", frozen.secret_key or "", frozen.token or None, getattr(found, "_expiry_time", None)
        )

    def engine_options(self, region: str | None = None) -> Mapping[str, str]:
        """The engine-neutral S3 settings of `reconciler.datasets.base.Access`. Holds secrets."""
        found = self.credentials()
        options = {
            "access_key_id": found.access_key_id,
            "secret_access_key": found.secret_access_key,
            "session_token": found.session_token,
            "region": region or self.region,
            "endpoint_url": self._spec.endpoints.s3 or self._ambient_endpoint(),
        }
        return {name: value for name, value in options.items() if value}

    @cached_property
    def _session(self) -> boto3.Session:
        try:
            from reconciler.accounts.aws_role import role_session
        except ImportError as error:
            raise MissingExtra("s3", "Amazon S3") from error
        role = self._spec.auth.assume_role
        with self._lock, said_plainly(self._spec.auth):
            base = self._base_session()
            return base if role is None else role_session(base, lambda: self._assume(base, role))

    def _base_session(self) -> boto3.Session:
        import boto3

        auth = self._spec.auth
        if auth.access_key is not None:
            return boto3.Session(region_name=self._spec.region, **self._key_pair(auth.access_key))
        return boto3.Session(profile_name=auth.profile, region_name=self._spec.region)

    def _key_pair(self, key: AccessKey) -> dict[str, Any]:
        refs = {
            "aws_access_key_id": key.access_key_id,
            "aws_secret_access_key": key.secret_access_key,
            "aws_session_token": key.session_token,
        }
        return {
            name: self._secrets.resolve(ref, self._spec.auth.profile).reveal()
            for name, ref in refs.items()
            if ref is not None
        }

    def _assume(self, base: boto3.Session, role: AssumeRole) -> dict[str, str]:
        """Fresh credentials of the role, in the form that botocore renews with."""
        request: dict[str, Any] = {
            "RoleArn": role.role_arn,
            "RoleSessionName": role.session_name,
            "DurationSeconds": _ROLE_SECONDS,
        }
        if role.external_id is not None:
            request["ExternalId"] = self._secrets.resolve(role.external_id, self._spec.auth.profile).reveal()
        with said_plainly(self._spec.auth):
            given = self._sts(base, role).assume_role(**request)["Credentials"]
        return {
            "access_key": given["AccessKeyId"],
            "secret_key": given["SecretAccessKey"],
            "token": given["SessionToken"],
            "expiry_time": given["Expiration"].isoformat(),
        }

    def _new_s3(
        self, session: boto3.Session, region: str | None, attempts: int, read_timeout: float, connections: int
    ) -> S3Client:
        from botocore.config import Config

        endpoint = self._spec.endpoints.s3
        config = Config(
            retries={"mode": "standard", "total_max_attempts": attempts},
            connect_timeout=10,
            read_timeout=read_timeout,
            max_pool_connections=connections,
            user_agent_extra=f"reconciler/{__version__}",
            # Stores elsewhere rarely have a name per bucket.
            s3={"addressing_style": "path"} if endpoint else {},
        )
        url = endpoint.rstrip("/") if endpoint else None
        with said_plainly(self._spec.auth):
            return session.client("s3", region_name=region, endpoint_url=url, config=config)

    def _sts(self, base: boto3.Session, role: AssumeRole) -> STSClient:
        from botocore.config import Config

        partition = role.role_arn.split(":")[1]
        return base.client(
            "sts",
            region_name=self._spec.region or base.region_name or _STS_REGIONS.get(partition, "us-east-1"),
            endpoint_url=self._spec.endpoints.sts,
            config=Config(retries={"mode": "standard", "total_max_attempts": 5}, connect_timeout=10, read_timeout=30),
        )

    def _ambient_endpoint(self) -> str | None:
        """An endpoint that the environment or the profile names (`AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_S3`)."""
        endpoint = self.s3().meta.endpoint_url
        return None if endpoint.endswith((".amazonaws.com", ".amazonaws.com.cn")) else endpoint


AMBIENT: Final = AwsAccountSpec(type="aws")
"""The account of an S3 location that names none."""


def ambient_session(secrets: SecretSource) -> AwsSession:
    """The session of an S3 location that names no account."""
    return AwsSession(AMBIENT, secrets)
