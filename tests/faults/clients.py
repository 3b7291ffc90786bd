"""S3 clients made once a process: botocore takes longer to make one than a whole run does."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reconciler.accounts.aws import AwsSession
from reconciler.accounts.secrets import SecretSource
from reconciler.resources.accounts.aws import AwsAccountSpec

_MAKE = AwsSession._new_s3
_clients: dict[str, Any] = {}
patience: list[float] = []
"""Seconds that clients wait for an answer, where that isn't to be what they were asked for."""

made: list[list[Any]] = []
"""What the clients of this process were made of, as JSON: `make_client` takes it in another process."""


def share_clients(replace: Callable[[object, str, object], None] = setattr) -> None:
    """Sessions of the same account share their clients, whatever their keys are: for good, unless what replaces
    is undone.

    A child of a fork shares them, too, as long as its parent has not connected any.
    """

    def shared(
        account: AwsSession, session: Any, region: str | None, attempts: int, wait: float, connections: int
    ) -> Any:
        options = (region, attempts, patience[-1] if patience else wait, connections)
        spec = account._spec.model_dump_json(by_alias=True, exclude_none=True)
        name = f"{spec} {options}"
        if name not in _clients:
            made.append([spec, list(options)])
            _clients[name] = _MAKE(account, session, *options)
        return _clients[name]

    replace(AwsSession, "_new_s3", shared)


def make_client(spec: str, options: list[Any]) -> None:
    """Makes a client that another process of this environment will want."""
    account = AwsSession(AwsAccountSpec.model_validate_json(spec), SecretSource(Path("/"), os.environ))
    account._new_s3(account._session, *options)
