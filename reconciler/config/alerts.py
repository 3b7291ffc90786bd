"""Who is told of what: alerts of destinations and activations against channels, types and each other."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from reconciler.catalog.base import ALERT_EVENTS, AlertEvent
from reconciler.config.accounts import account_of
from reconciler.config.index import Entry, Index
from reconciler.config.locations import resolve
from reconciler.config.parse import Path
from reconciler.resources.accounts.base import AccountSpec
from reconciler.resources.alert import (
    DELAYED_AFTER,
    MAX_CHANGE,
    MAX_EXCLUDED,
    ActivationAlert,
    AppriseChannelSpec,
    CloudEventsChannelSpec,
    DestinationAlert,
    EffectiveAlert,
    FileChannelSpec,
)
from reconciler.resources.resource import Account, Activation, AlertChannel, Destination
from reconciler.resources.secrets import FromFile, SecretRef

_NEEDS: Final[tuple[tuple[str, str, AlertEvent, str], ...]] = (
    ("delayed_after", "delayedAfter", "run-delayed", DELAYED_AFTER),
    ("max_excluded", "maxExcluded", "excluded-rate-exceeded", MAX_EXCLUDED),
    ("max_change", "maxChange", "row-count-unusual", MAX_CHANGE),
)
"""Thresholds: field, as it is written, the event that it is for, default."""
_MOMENTS: Final = frozenset({"run-started", "run-succeeded", "recovered"})
"""What isn't a state that something recovers from."""


IN_THE_CLEAR: Final = "Whoever is on the way reads what is sent here, secrets included. Write https."
_HERE: Final = re.compile(r"^(localhost|127\.[0-9.]+|::1)$")


def in_the_clear(url: str) -> bool:
    """Whether what is sent to an endpoint is readable on its way: by http, to another machine."""
    found = urlsplit(url)
    return found.scheme == "http" and not _HERE.match(found.hostname or "")


def check_alerts(index: Index) -> None:
    """Reports channels that aren't there (R101) or are named twice (R181), events that the type can't tell of (R180), thresholds without
    their event (R182), recoveries of nothing (R184), tokens in the clear (R185), and paths that lead out of the project (P101)."""
    for entry, channel in index.all(AlertChannel):
        _paths(index, entry, channel)
    for entry, destination in index.all(Destination):
        about = destination.spec.about
        _named_once(index, entry, destination.spec.alerts)
        for at, alert in enumerate(destination.spec.alerts):
            path: Path = ("spec", "alerts", at)
            index.resolve(AlertChannel, alert.channel, entry, (*path, "channel"))
            _supported(index, entry, path, alert.events, about.name, about.alerts)
            _coherent(index, entry, path, alert, alert.events)
    for entry, activation in index.all(Activation):
        _named_once(index, entry, activation.spec.alerts)
        to = index.get(Destination, activation.spec.destination)
        for at, own in enumerate(activation.spec.alerts):
            path = ("spec", "alerts", at)
            index.resolve(AlertChannel, own.channel, entry, (*path, "channel"))
            if to is not None:
                about = to.spec.about
                _supported(index, entry, path, own.events or (), about.name, about.alerts)
                _complete(index, entry, path, own, to)


def effective_alerts(index: Index, activation: Activation, destination: Destination) -> tuple[EffectiveAlert, ...]:
    """What each channel hears of an activation's flows, by the channel's name. What is wrong was reported by `check_alerts`."""
    found: dict[str, EffectiveAlert] = {}
    declared: tuple[DestinationAlert | ActivationAlert, ...] = (*destination.spec.alerts, *activation.spec.alerts)
    for alert in declared:
        channel = index.get(AlertChannel, alert.channel)
        base = found.get(alert.channel)
        events = alert.events if alert.events is not None else base.events if base else ()
        if channel is None:
            continue
        thresholds = {
            field: (getattr(alert, field) or getattr(base, field, None) or default) if event in events else None
            for field, _, event, default in _NEEDS
        }
        found[alert.channel] = EffectiveAlert(
            name=alert.channel,
            channel=channel.spec,
            account=_account_of(index, channel),
            events=tuple(each for each in ALERT_EVENTS if each in events),
            **thresholds,
        )
    return tuple(found[name] for name in sorted(found) if found[name].events)


def _account_of(index: Index, channel: AlertChannel) -> AccountSpec | None:
    name = channel.spec.account if isinstance(channel.spec, CloudEventsChannelSpec) else None
    account = index.get(Account, name) if name is not None else None
    return account.spec if account is not None else None


def _named_once(index: Index, entry: Entry, alerts: tuple[DestinationAlert, ...] | tuple[ActivationAlert, ...]) -> None:
    seen: set[str] = set()
    for at, alert in enumerate(alerts):
        if alert.channel in seen:
            detail = (
                f"Channel {alert.channel} is already named in this list. Write its events and thresholds in one place."
            )
            index.report("R181", entry, ("spec", "alerts", at, "channel"), detail)
        seen.add(alert.channel)


def _supported(
    index: Index,
    entry: Entry,
    path: Path,
    events: tuple[AlertEvent, ...],
    type_name: str,
    known: tuple[AlertEvent, ...],
) -> None:
    for at, event in enumerate(events):
        if event not in known:
            detail = f"Destinations of type {type_name} tell of {', '.join(known) or 'nothing'}. Leave {event} out."
            index.report("R180", entry, (*path, "events", at), detail)


def _complete(index: Index, entry: Entry, path: Path, own: ActivationAlert, destination: Destination) -> None:
    base = next((each for each in destination.spec.alerts if each.channel == own.channel), None)
    if own.events is None and base is None:
        detail = (
            f"Destination {destination.metadata.name} tells channel {own.channel} nothing, so that there is nothing to change. "
            "Write events."
        )
        index.report("R183", entry, path, detail)
        return
    _coherent(index, entry, path, own, own.events if own.events is not None or base is None else base.events)


def _coherent(
    index: Index,
    entry: Entry,
    path: Path,
    alert: DestinationAlert | ActivationAlert,
    events: tuple[AlertEvent, ...] | None,
) -> None:
    asked = events or ()
    for field, key, event, _ in _NEEDS:
        if getattr(alert, field) is not None and event not in asked:
            index.report(
                "R182",
                entry,
                (*path, key),
                f"{key} is for {event}, which isn't among the events here. Add it, or remove {key}.",
            )
    if "recovered" in asked and not set(asked) - _MOMENTS:
        detail = "recovered tells that something which this channel was told of is over. Add what it is to be told of, such as run-failed."
        index.report("R184", entry, (*path, "events"), detail)


def _paths(index: Index, entry: Entry, channel: AlertChannel) -> None:
    """Reports relative paths that lead out of the project."""
    match channel.spec:
        case FileChannelSpec(path=path):
            _inside(index, entry, ("spec", "path"), path)
        case AppriseChannelSpec(url=url):
            _secret(index, entry, ("spec", "url"), url)
        case CloudEventsChannelSpec(url=endpoint, bearer=bearer, account=account, hmac=hmac):
            account_of(index, entry, account, ("oauth2",), "An alert channel")
            if bearer is not None and account is not None:
                detail = "account gives a token, and so does bearer. Remove one."
                index.report("C109", entry, ("spec", "bearer"), detail, key=True)
            if (bearer is not None or account is not None) and in_the_clear(endpoint):
                index.report("R185", entry, ("spec", "url"), IN_THE_CLEAR)
            _secret(index, entry, ("spec", "bearer"), bearer)
            _secret(index, entry, ("spec", "hmac"), hmac)


def _secret(index: Index, entry: Entry, path: Path, ref: SecretRef | None) -> None:
    if isinstance(ref, FromFile):
        _inside(index, entry, (*path, "fromFile"), ref.from_file)


def _inside(index: Index, entry: Entry, path: Path, written: str) -> None:
    if not written.startswith("/"):
        try:
            resolve(written, None)
        except ValueError as error:
            index.report("P101", entry, path, str(error))
