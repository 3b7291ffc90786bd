"""`type: aws`: AWS, or what speaks its protocols."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from reconciler.catalog.s3 import Region
from reconciler.resources.accounts.base import AccountSpec
from reconciler.resources.secrets import SecretRef
from reconciler.values.base import Value

Url = Annotated[
    str, Field(pattern=r"^https?://[^\s/@]+(:[0-9]+)?/?$", max_length=512, description="A base URL without a path.")
]


class Ambient(Value):
    """What the environment gives: variables, instance or pod role, SSO."""


class AccessKey(Value):
    """A long-lived key pair, each half a secret reference."""

    access_key_id: Annotated[
        SecretRef, Field(description="20 letters and digits, such as AKIA…; ASIA… with a session token.")
    ]
    secret_access_key: Annotated[SecretRef, Field(description="The 40 characters that belong to it.")]
    session_token: Annotated[SecretRef | None, Field(description="Of temporary keys.")] = None


class AssumeRole(Value):
    """A role assumed with the credentials of the other way named beside it, or ambient ones."""

    role_arn: Annotated[
        str,
        Field(
            pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]+$",
            max_length=2048,
            description="The role's ARN.",
        ),
    ]
    external_id: Annotated[
        SecretRef | None,
        Field(description="What the owner of the role agreed with whoever assumes it, if the role asks for it."),
    ] = None
    session_name: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9_+=,.@-]{2,64}$", description="What the role's owner sees in their logs.")
    ] = "reconciler"


class AwsAuth(Value):
    """At most one of `ambient`, `profile`, `accessKey` (default: ambient), and `assumeRole` on top of it."""

    ambient: Ambient | None = None
    profile: (
        Annotated[str, Field(min_length=1, max_length=256, description="Of the AWS configuration of whoever runs.")]
        | None
    ) = None
    access_key: AccessKey | None = None
    assume_role: AssumeRole | None = None


class Endpoints(Value):
    """For stores that speak S3 elsewhere: base URLs without a path."""

    s3: Url | None = None
    sts: Url | None = None


class AwsAccountSpec(AccountSpec):
    """AWS, or what speaks its protocols."""

    type: Literal["aws"]
    auth: AwsAuth = AwsAuth()
    region: Region | None = None
    endpoints: Endpoints = Endpoints()

    @property
    def realm(self) -> str:
        """Where S3 is, if it is elsewhere."""
        return (self.endpoints.s3 or "").rstrip("/")

    def problems(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Ways to sign in that exclude each other."""
        ways = {"ambient": self.auth.ambient, "profile": self.auth.profile, "accessKey": self.auth.access_key}
        given = [name for name, value in ways.items() if value is not None]
        if len(given) > 1:
            yield ("auth",), f"{' and '.join(given)} are different ways to sign in. Keep one."
