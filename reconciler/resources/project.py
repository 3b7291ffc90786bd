"""`Project`: one at most; its name owns what it applies."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from reconciler.resources.metadata import Name
from reconciler.values.base import Value

Glob = Annotated[str, Field(min_length=1, max_length=512)]
DEFAULT_LEDGER = "file://.reconcile/ledger"


class LedgerSpec(Value):
    """Where the actual state is kept. `file://` paths that are relative are below the project."""

    url: Annotated[str, Field(pattern=r"^(file://.+|s3://[a-z0-9.-]{3,63}(/.*)?)$", max_length=1024)] = DEFAULT_LEDGER
    account: Name | None = None
    simulated: Annotated[
        bool, Field(description="For demos and tests: time may run ahead of the clock. Fixed at creation.")
    ] = False


class RemovalGuard(Value):
    """How many of the applied flows one apply may remove."""

    max_share: Annotated[str, Field(pattern=r"^(100|\d{1,2})%$")] = "25%"


class ProjectSpec(Value):
    """`include`/`exclude`: globs relative to the project; by default every YAML file outside dot-folders and `environments/`."""

    ledger: LedgerSpec = LedgerSpec()
    include: tuple[Glob, ...] | None = None
    exclude: tuple[Glob, ...] = ()
    removals: RemovalGuard = RemovalGuard()
