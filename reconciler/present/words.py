"""Words that several views share: specs in short, text made harmless, plurals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import assert_never

from pydantic import ValidationError

from reconciler.catalog.base import AlertEvent
from reconciler.config.text import displayed
from reconciler.ledger.records import StillThere
from reconciler.resources.alert import EffectiveAlert
from reconciler.resources.dataset import TABLE_FORMATS, Changes
from reconciler.resources.effective import EffectiveDestination, ExportColumn, FlowSpec
from reconciler.resources.exclusions import EffectiveSuppression
from reconciler.resources.override import Override
from reconciler.resources.schedule import Cron, Daily, Hourly, Monthly, Once, ScheduleSpec, Weekly
from reconciler.values.changed import ChangeCounts, Gone
from reconciler.values.excluded import Excluded
from reconciler.values.identity import FlowId

_GONE: Mapping[Gone, str] = {
    "filter": "no longer match",
    "expired": "expired",
    "consent": "without consent",
    "suppressed": "suppressed",
    "missing": "incomplete",
    "gone": "gone from the source",
}


def inert(text: str) -> str:
    """One line of text that can't move a terminal's cursor nor hide: what can't be shown is shown as its code point."""
    return displayed(text.replace("\t", " ").replace("\r", " ").replace("\n", " "))


def cut(text: str, width: int = 100) -> str:
    """At most `width` characters."""
    return text if len(text) <= width else text[: width - 1] + "…"


def plural(number: int, noun: str) -> str:
    """`1 flow`, `2 flows`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def size(number: int) -> str:
    """Bytes for people: `254 MB`."""
    scaled = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if scaled < 1000:
            return f"{scaled:.0f} {unit}" if unit == "B" or scaled >= 10 else f"{scaled:.1f} {unit}"
        scaled /= 1000
    return f"{scaled:.1f} TB"


def deleted(found: StillThere) -> str:
    """`12 files of 3 runs, 1,080 rows, 254 kB`; what a purge deletes."""
    if not found.runs:
        return "nothing is there to delete"
    return (
        f"{plural(found.files, 'file')} of {plural(found.runs, 'run')}, {plural(found.rows, 'row')}, {size(found.size)}"
    )


def short(flow: str) -> str:
    """`<destination>/<name>` of a flow's id."""
    return FlowId.parse(flow).short


def location(destination: EffectiveDestination) -> str:
    """Where files go, as a URL or path."""
    return destination.spec.connection.url()


def encrypted(destination: EffectiveDestination) -> str:
    """`encrypted for FINGERPRINT, …`, whole, since a review compares them; or nothing."""
    keys = destination.recipient_keys
    return f"encrypted for {', '.join(keys)}" if keys else ""


def recipient(destination: EffectiveDestination) -> str:
    """`Agency Ltd (IE), until 2027-06-30`, or nothing."""
    found = destination.spec.recipient
    if found is None:
        return ""
    return f"{found.name} ({found.country})" + (f", until {found.until}" if found.until else "")


def schedule(spec: ScheduleSpec) -> str:
    """`daily 02:00`; the zone is named where it isn't UTC."""
    match spec:
        case Hourly():
            text = f"every {plural(spec.every, 'hour')} from {spec.time}"
        case Daily():
            text = f"daily {spec.time}"
        case Weekly():
            text = f"{', '.join(spec.weekdays)} {spec.time}"
        case Monthly():
            text = f"monthly on day {spec.day}, {spec.time}"
        case Once():
            text = f"once {spec.date} {spec.time}"
        case Cron():
            text = f"cron {spec.cron}"
    return text if spec.timezone == "UTC" else f"{text} {spec.timezone}"


def columns(spec: FlowSpec) -> str:
    """`prospect_id, email [I1] → hashed_email (sha256-email)`; last the operation, where one leaves."""
    operation = spec.changes.operation_column if spec.changes else None
    last = [f"{operation} (added, changed or removed)"] if operation else []
    return ", ".join([*(_column(spec, each) for each in spec.columns), *last])


def _column(spec: FlowSpec, each: ExportColumn) -> str:
    if each.column is None:
        return f"{each.name} = {each.constant!r}"
    renamed = "" if each.name == each.column else f" → {each.name}"
    return each.column + labelled(spec.labels(each)) + renamed + each.treatment


def labelled(labels: Iterable[str]) -> str:
    """` [C2, I1]`, or nothing."""
    listed = ", ".join(labels)
    return f" [{listed}]" if listed else ""


def backfill(spec: FlowSpec) -> str:
    """What a flow's first export holds."""
    whole = "everything that matches" if spec.source.kind == "audience" else "the whole dataset"
    table = spec.source.dataset_spec.format in TABLE_FORMATS
    match spec.backfill:
        case "full":
            return whole
        case "none":
            if spec.changes is not None:
                return "nothing; only what changes from then on"
            new = "only what is appended from then on" if table else "only files that are new from then on"
            return f"nothing; {new}" if spec.mode == "incremental" else whole
        case since:
            what = "what was appended since" if table else "files modified since"
            return f"{what} {since.from_:%Y-%m-%d %H:%M} UTC"


def increments(spec: FlowSpec) -> str:
    """`cursor over ingested_at, lag 1h`, `diff by prospect_id · who left as tombstones`; nothing for the plain strategy."""
    found = spec.source.dataset_spec.incremental
    if spec.mode == "full" or found.strategy == "files":
        return ""
    if spec.changes is not None:
        return f"diff by {' + '.join(spec.source.dataset_spec.primary_key)} · {_removals(spec.changes)}"
    return f"{found.strategy} over {found.column}" + (f", lag {found.lag}" if found.lag else "")


def _removals(changes: Changes) -> str:
    match changes.removed:
        case "ignore":
            return "who left is not told"
        case "tombstone":
            return "who left as rows with the key alone"
        case "folder":
            return "who left in files of their own (_removed/)"
        case _:
            assert_never(changes.removed)


def exclusions(spec: FlowSpec) -> str:
    """Who stays, in short: `suppressed by opted-out · without consent (consent) · expired after 25d · repeated prospect_id`."""
    dataset = spec.source.dataset_spec
    parts = [f"suppressed by {each.name}" for each in spec.suppressions]
    if spec.consent is not None:
        allowed = ", ".join(str(each).lower() if isinstance(each, bool) else each for each in spec.consent.values)
        parts.append(f"without consent ({spec.consent.column}: {allowed or 'nobody has it'})")
    if dataset.expiry is not None:
        parts.append(f"expired after {dataset.expiry.after} ({dataset.expiry.column})")
    if dataset.primary_key:
        newest = f", older by {dataset.latest_by}" if dataset.latest_by else ""
        parts.append(f"repeated {' + '.join(dataset.primary_key)}{newest}")
    return " · ".join(parts)


def suppression(text: str) -> str:
    """One that is new or goes, as a field of a plan has it: `list opt-outs by email, maxAge 2d, minRows 1`."""
    try:
        found = EffectiveSuppression.model_validate_json(text)
    except ValidationError:  # of another version
        return text
    age = f", maxAge {found.max_age}" if found.max_age else ""
    return f"list {found.dataset} by {', '.join(each.column for each in found.match)}{age}, minRows {found.min_rows:,}"


def guards(spec: FlowSpec) -> str:
    """Row guards in short, or nothing."""
    audience, export = spec.guards.audience, spec.guards.export
    sizes = (("≥", audience.min_rows, "rows"), ("≤", audience.max_rows, "rows"))
    of_audience = [f"{sign} {rows:,} {unit}" for sign, rows, unit in sizes if rows is not None]
    if audience.max_change is not None:
        of_audience.append(f"change ≤ {audience.max_change}")
    limits = (("≥", export.min_rows), ("≤", export.max_rows))
    of_export = [f"{sign} {rows:,} rows" for sign, rows in limits if rows is not None]
    if export.max_removed is not None:
        of_export.append(f"removed ≤ {export.max_removed}")
    groups = (("audience", of_audience), ("export", of_export))
    said = [f"{name} {', '.join(found)}" for name, found in groups if found]
    said += map(override, spec.overrides)
    return " · ".join(said)


def alerts(spec: FlowSpec) -> str:
    """`on-call: run-failed, run-delayed (150m) · audit: run-succeeded`, or nothing."""
    return " · ".join(f"{each.name}: {', '.join(_event(each, event) for event in each.events)}" for each in spec.alerts)


def _event(alert: EffectiveAlert, event: AlertEvent) -> str:
    limits = {
        "run-delayed": alert.delayed_after,
        "excluded-rate-exceeded": alert.max_excluded,
        "row-count-unusual": alert.max_change,
    }
    return f"{event} ({limit})" if (limit := limits.get(event)) else event


def override(lifted: Override) -> str:
    """What is lifted, until when and why."""
    return f"{lifted.what} LIFTED through {lifted.until}: {lifted.reason}"


def days_left(days: int) -> str:
    """`3 days left`, `last day today`, `ended`: of an override."""
    return "ended" if days < 0 else f"{plural(days, 'day')} left" if days else "last day today"


def excluded(counts: Mapping[Excluded, int]) -> str:
    """` · 41 suppressed, 12 expired`: rows that matched and stayed; or nothing."""
    said = ", ".join(f"{rows:,} {reason}" for reason, rows in counts.items() if rows)
    return f" · {said}" if said else ""


def changes(found: ChangeCounts | None) -> str:
    """` · +1,200 ~30 −15`: people added, changed and removed; nothing where nothing was compared."""
    return f" · +{found.added:,} ~{found.changed:,} −{found.total_removed:,}" if found else ""


def left(reason: Gone) -> str:
    """Why somebody isn't told of any more: `gone from the source`."""
    return _GONE[reason]


def removed(found: ChangeCounts | None) -> str:
    """` · removed: 12 gone, 3 suppressed`, or nothing."""
    said = ", ".join(f"{rows:,} {_GONE[reason]}" for reason, rows in found.removed.items() if rows) if found else ""
    return f" · removed: {said}" if said else ""


def revision(commit: str, length: int = 7) -> str:
    """A commit in short; that it isn't all is kept (`3f2c9aa-dirty`)."""
    name, dash, rest = commit.partition("-")
    return f"{name[:length]}{dash}{rest}"
