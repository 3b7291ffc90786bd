"""R18x: alerts that are declared wrongly. N10x: alerts that couldn't be sent. N11x: metrics and spans that couldn't."""

from __future__ import annotations

from reconciler.codes.base import Code

ALERT_CODES = (
    Code(
        "R180",
        "no such alert of this type",
        "Each destination type says which events it can tell of. An event that never comes would be waited for in vain.",
        "Leave the event out; `reconcile catalog TYPE` lists those that there are.",
    ),
    Code(
        "R181",
        "a channel stands twice in one list",
        "What one channel hears of a destination or an activation stands in one place, so that it can't contradict itself.",
        "Write one entry for the channel, with all of its events.",
    ),
    Code(
        "R182",
        "a threshold without its event",
        "Each threshold belongs to one event: delayedAfter to run-delayed, maxExcluded to excluded-rate-exceeded, maxChange to "
        "row-count-unusual. Without the event it would mean nothing.",
        "Add the event, or remove the threshold.",
        "alerts: [{channel: on-call, events: [run-delayed], delayedAfter: 2h}]",
    ),
    Code(
        "R183",
        "nothing to override",
        "An activation's alert without events changes the thresholds of what its destination tells that channel, which is nothing here.",
        "Write the events that the channel is to hear of.",
    ),
    Code(
        "R184",
        "recovered from nothing",
        "A channel hears that something is over only if it heard of it before.",
        "Add the events that it is to be told of, or leave recovered out.",
        "alerts: [{channel: on-call, events: [run-failed, run-delayed, recovered]}]",
    ),
    Code(
        "R185",
        "a secret in the clear",
        "A token or a header that holds a secret would be sent by http to another machine, readable for whoever is on the way. To this "
        "machine (localhost, 127.0.0.1) http is fine: for a collector or a proxy beside the runner.",
        "Write an https URL, or send to a proxy on this machine.",
    ),
    Code(
        "N101",
        "an alert couldn't be sent",
        "The alert channel can't be reached, refused, or took too long. No export waits for it or fails by it; what wasn't sent is on the "
        "ledger, and the next run sends it.",
        "Mend what the detail names. `reconcile status` shows channels with alerts that wait.",
    ),
    Code(
        "N102",
        "an alert channel can't be used",
        "What the channel's secret holds is no address that alerts can be sent to, or its file can't be written to.",
        "Correct the secret or the path; the next run sends what waits.",
    ),
    Code(
        "N103",
        "an alert was redirected",
        "The channel's endpoint answered with a redirection. Those aren't followed: they could lead anywhere, inside the network too, "
        "with the token that was meant for the endpoint.",
        "Write the URL that it redirects to into the AlertChannel, if that is yours, and apply.",
    ),
    Code(
        "N110",
        "metrics can't be written",
        "The file of `Project.spec.metrics.openMetrics` can't be made or replaced. Exports don't depend on it.",
        "Correct the path, or give whoever runs the right to write there; the next run writes it.",
    ),
    Code(
        "N111",
        "spans can't be sent",
        "The OpenTelemetry endpoint can't be reached, refused, redirected, or took too long. Exports don't depend on it, and spans aren't kept.",
        "Correct `Project.spec.metrics.openTelemetry`, or the OTEL_EXPORTER_OTLP_* variables; mend the collector.",
    ),
)
