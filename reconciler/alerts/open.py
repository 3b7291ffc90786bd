"""Channels by their type."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import assert_never

from reconciler.accounts.secrets import Secret
from reconciler.alerts.apprise import AppriseChannel
from reconciler.alerts.base import Channel
from reconciler.alerts.cloudevents import CloudEventsChannel
from reconciler.alerts.file import FileChannel
from reconciler.errors import MissingExtra
from reconciler.resources.alert import (
    AlertChannelSpec,
    AppriseChannelSpec,
    CloudEventsChannelSpec,
    EffectiveAlert,
    FileChannelSpec,
)
from reconciler.resources.secrets import SecretRef


def open_channel(
    spec: AlertChannelSpec,
    *,
    root: Path,
    resolve: Callable[[SecretRef], Secret],
    token: Callable[[], Secret] | None = None,
) -> Channel:
    """The channel; nothing is resolved or touched yet. `root`: of relative paths. `token`: of the account that it signs in with, if any."""
    match spec:
        case AppriseChannelSpec():
            return AppriseChannel(spec, resolve)
        case CloudEventsChannelSpec():
            return CloudEventsChannel(spec, resolve, token)
        case FileChannelSpec(path=path):
            return FileChannel(root, path)
        case _:
            assert_never(spec)


def require(alerts: Iterable[EffectiveAlert]) -> None:
    """Raises `MissingExtra` where what a channel needs isn't installed: better before an apply than in the first bad night."""
    for each in alerts:
        needed = {"apprise": "apprise", "cloudevents": "cloudevents", "file": None}[each.channel.type]
        if needed is not None and find_spec(needed) is None:
            raise MissingExtra("alerts", f"alert channel {each.name}")
        if each.account is not None and find_spec("authlib") is None:
            raise MissingExtra("oauth", f"the account of alert channel {each.name}")
