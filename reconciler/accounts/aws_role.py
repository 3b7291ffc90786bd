"""A session whose credentials are an assumed role's and renew themselves. Loaded with boto3."""

from __future__ import annotations

from collections.abc import Callable

import boto3
import botocore.session
from botocore.credentials import CredentialProvider, CredentialResolver, Credentials, DeferredRefreshableCredentials


class _RoleProvider(CredentialProvider):
    METHOD = "assume-role"

    def __init__(self, assume: Callable[[], dict[str, str]]) -> None:
        super().__init__()
        self._assume = assume

    def load(self) -> Credentials | None:
        return DeferredRefreshableCredentials(refresh_using=self._assume, method=self.METHOD)


def role_session(base: boto3.Session, assume: Callable[[], dict[str, str]]) -> boto3.Session:
    """A session that has `assume()`'s credentials and nothing else, in `base`'s region.

    The first use assumes the role.
    """
    core = botocore.session.Session(profile=base.profile_name if base.profile_name != "default" else None)
    core.register_component("credential_provider", CredentialResolver([_RoleProvider(assume)]))
    return boto3.Session(botocore_session=core, region_name=base.region_name)
