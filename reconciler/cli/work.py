"""Long work on a console: what is done is shown at once, how far it is meanwhile, and a signal ends it in order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reconciler.cli.console import Console, error_fields
from reconciler.cli.here import Here
from reconciler.cli.progress import Display
from reconciler.cli.signals import stopping

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.api.hooks import Hooks
    from reconciler.ledger.records import RunRecord
    from reconciler.values.identity import FlowId


@contextmanager
def working(
    here: Here, environment: str | None, *then: str, done: tuple[str, ...] = (), width: int = 0
) -> Iterator[Hooks]:
    """The hooks of one piece of work. Raises `Stopped` at its end if a signal asked for it; `then`: the command that goes on, `done`: the
    one to look with where nothing is left of the work. `width`: of the names of what is done."""
    from reconciler.api.hooks import Hooks

    console = here.console
    here.project(environment).limit_threads()
    shell = here.shell(environment)
    with stopping(console, shell.command(*then), shell.command(*(done or then))) as stop, Display(console) as display:

        def told(event: object) -> None:
            if (flow := _flow(event)) is not None:
                display.done(flow)
            _tell(console, event, width)

        yield Hooks(told=told, progress=display.update, stop=stop)


def _flow(event: object) -> FlowId | None:
    """Whose export an event ends."""
    from reconciler.api.runs import Exported, NotExported
    from reconciler.apply.changes import Done, Failed
    from reconciler.values.identity import FlowId

    match event:
        case Exported(flow) | NotExported(flow):
            return FlowId.parse(flow)
        case Done(change) | Failed(change) if change.change == "export":
            return FlowId.parse(change.subject)
        case _:
            return None


def _tell(console: Console, event: object, width: int) -> None:
    from reconciler.api.freeing import NotFreed
    from reconciler.api.measuring import NotMeasured
    from reconciler.api.purges import NotDiscarded, NotPurged, Purged
    from reconciler.api.retaining import NotRemoved, Removed
    from reconciler.api.runs import Elsewhere, Exported, Idle, NotExported
    from reconciler.api.sending import Alerted, NotAlerted
    from reconciler.apply.changes import Done, Failed
    from reconciler.present.results import (
        alert_line,
        elsewhere_line,
        export_line,
        failure_line,
        idle_line,
        purge_line,
        result_line,
        retain_line,
    )
    from reconciler.present.words import short

    match event:
        case Exported(run=run, completed=completed):
            console.out(export_line(run, width, completed=completed))
            _exported(console, run)
        case Idle(upcoming):
            console.out(idle_line(upcoming))
            slot = f"{upcoming.slot:%Y-%m-%dT%H:%MZ}" if upcoming else None
            console.event("idle", flow=upcoming.flow if upcoming else None, slot=slot)
        case NotExported(flow, error):
            console.say(failure_line("export", short(flow), error), "failed", "error", flow=flow, **error_fields(error))
        case Elsewhere(flow, until):
            console.out(elsewhere_line(flow, until))
            _elsewhere(console, flow, until)
        case Purged(flow, files):
            console.out(purge_line(flow, files))
            console.event("purged", flow=flow, files=files)
        case NotPurged(flow, error):
            console.say(failure_line("purge", short(flow), error), "failed", "error", flow=flow, **error_fields(error))
        case NotDiscarded(flow, error):
            said = failure_line("discard", short(flow), error)
            console.say(said, "failed", "error", flow=flow, **error_fields(error))
        case Removed(flow, exports, files):
            console.out(retain_line(flow, exports, files))
            console.event("removed", flow=flow, exports=exports, files=files)
        case NotRemoved(flow, error):
            console.say(failure_line("retain", short(flow), error), "failed", "error", flow=flow, **error_fields(error))
        case Alerted(flow, channel, alert, number):
            console.event("alerted", flow=flow, channel=channel, alert=alert, id=number)
        case NotAlerted(flow, channel, error):
            fields = {"flow": flow, "channel": channel, **error_fields(error)}
            console.say(alert_line(channel, error), "not-alerted", "warning", **fields)
        case NotMeasured(what, error):
            said = (
                f"{what} couldn't be written ({error.code} {error.summary}); nothing else comes of it. {error.detail}"
            )
            console.say(said, "not-measured", "warning", **error_fields(error))
        case NotFreed(error):
            said = f"What no flow needs any more is still on the ledger ({error.code} {error.summary}); the next run tries again."
            console.say(said, "not-freed", "warning", **error_fields(error))
        case Failed(change, error):
            said = result_line(event, width)
            console.say(said, "failed", "error", change=change.change, subject=change.subject, **error_fields(error))
        case Done(change, run, until=until):
            console.out(result_line(event, width))
            if run is not None:
                _exported(console, run)
            elif until is not None:
                _elsewhere(console, change.subject, until)
            else:
                console.event("changed", change=change.change, subject=change.subject)


def _elsewhere(console: Console, flow: str, until: datetime) -> None:
    console.event("elsewhere", flow=flow, until=f"{until:%Y-%m-%dT%H:%M:%SZ}")


def _exported(console: Console, run: RunRecord) -> None:
    console.event(
        "exported",
        flow=run.flow,
        runId=run.run_id,
        slot=f"{run.slot:%Y-%m-%dT%H:%MZ}",
        kind=run.kind,
        rows=run.rows,
        files=len(run.files),
        bytes=run.size,
        changes=run.changes.to_json() if run.changes else None,
    )
