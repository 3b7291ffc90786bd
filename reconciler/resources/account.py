"""`Account`: how to authenticate. One serves many destinations, datasets and the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from reconciler.resources.accounts.aws import AwsAccountSpec
from reconciler.resources.accounts.azure import AzureAccountSpec
from reconciler.resources.accounts.base import AccountSpec
from reconciler.resources.accounts.gcp import GcpAccountSpec
from reconciler.resources.accounts.oauth2 import Oauth2AccountSpec
from reconciler.resources.accounts.sftp import SftpAccountSpec
from reconciler.values.variants import Variants

ACCOUNT_TYPES: Mapping[str, type[AccountSpec]] = {
    "aws": AwsAccountSpec,
    "azure": AzureAccountSpec,
    "gcp": GcpAccountSpec,
    "oauth2": Oauth2AccountSpec,
    "sftp": SftpAccountSpec,
}
"""All types of account, by name."""
AnyAccount = Annotated[AccountSpec, Variants("type", ACCOUNT_TYPES)]
"""An account of any type, as documents and the ledger hold it."""
