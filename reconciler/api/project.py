"""A project directory and everything that can be done with it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from reconciler.api.acting import acting_at, lineage_of, made, of_environment, time_of
from reconciler.api.hooks import QUIET, Hooks
from reconciler.config.files import require_project
from reconciler.config.project import find_ledger
from reconciler.errors import ConfigInvalid, UsageError

if TYPE_CHECKING:
    from reconciler.api.applying import Performed
    from reconciler.api.connecting import Connected
    from reconciler.api.history import History
    from reconciler.api.looking import Overview
    from reconciler.api.runs import Event
    from reconciler.api.tending import Ended
    from reconciler.api.verifying import Report
    from reconciler.api.wiring import Wiring
    from reconciler.apply.claim import Wanted
    from reconciler.config.desired import Desired
    from reconciler.config.load import Loaded
    from reconciler.diagnostics import Diagnostic
    from reconciler.ledger.records import Actual, FlowHead, RunRecord
    from reconciler.plan.bind import SavedPlan
    from reconciler.plan.data import PlanData
    from reconciler.plan.plan import Plan
    from reconciler.plan.whatif import Trial, Verdict
    from reconciler.present.status import FlowStatus
    from reconciler.stores.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Project:
    """A project directory, with the overlay of an `environment` if one is named. Files and ledger are read anew by every call.

    Times (`at`) are aware; None is now. Flows are named by full id or `<destination>/<name>`; `select` has patterns on both and on
    destinations. Errors are `ReconcilerError`s: `code`, `summary`, `detail`, and the `exit_code` that the command line ends with.
    """

    root: Path
    environment: str | None = None

    @classmethod
    def open(cls, path: str | os.PathLike[str] | None = None, environment: str | None = None) -> Project:
        """The project in a directory; without `path`, here or in the nearest parent that has one. Raises ConfigInvalid P109."""
        root = require_project(Path.cwd()) if path is None else Path(path).absolute()
        if not root.is_dir():
            raise ConfigInvalid("P109", "no project here", f"{root} is no directory.")
        return cls(root, environment)

    # Configuration: no secret, no network ------------------------------------------------------------------------------

    def validate(self, base: str | None = None) -> Loaded:
        """Everything that is wrong with the configuration, and what it declares if nothing is. `base`: as it is at that git revision.

        Raises ConfigInvalid P109 where there is none at all: a mistyped directory must not pass as valid. P110: no such revision.
        """
        from reconciler.cache.folder import Cache
        from reconciler.config.load import load, load_revision

        cache = Cache.of_user(os.environ)
        if base is not None:
            return load_revision(self.root, base, self.environment, cache)
        found = load(self.root, self.environment, cache)
        if not found.files and not found.diagnostics:
            raise ConfigInvalid("P109", "no project here", f"There is no YAML file to read in {self.root}.")
        return found

    def plan(
        self,
        *,
        select: tuple[str, ...] = (),
        at: datetime | None = None,
        allow_removals: int | Literal["all"] | None = None,
        allow_rewind: bool = False,
        base: str | None = None,
        refresh: bool = False,
        desired: Desired | None = None,
    ) -> Plan:
        """What an apply would change, due exports included. Changes nothing. A plan with refusals can't be applied.

        `base`: compared with the configuration at that git revision instead of the ledger. `refresh`: with a look at the destinations,
        which writes and removes a probe there; what isn't as recorded is the plan's `drift`. `desired`: what `validate` gave, if it is at
        hand. Raises `NotValid` with every finding, `StoreError`.
        """
        from reconciler.api.principal import principal_of
        from reconciler.config.revision import commit_time, head
        from reconciler.plan.access import Access
        from reconciler.plan.planner import plan

        wanted = desired or self.validate().require()
        now = time_of(at)
        actual = self._assumed(base, now) if base is not None else self._actual(wanted, select if refresh else None)
        access = Access.of(wanted.project.metadata.name, actual, wanted)
        return plan(
            wanted,
            actual,
            now,
            select=select or None,
            allow_removals=allow_removals,
            revision=head(self.root),
            committed_at=commit_time(self.root),
            allow_rewind=allow_rewind,
            base=base,
            principal=principal_of(access, self.root, offline=base is not None) if access is not None else None,
        )

    def look_at_data(self, plan: Plan, *, samples: int = 0, hooks: Hooks = QUIET) -> PlanData:
        """What a plan's due exports would hold of the data as it is, whom its edits let in or out, and what audiences share.

        Reads the datasets of flows that are due, added or changed, with the credentials that a run would use; changes nothing. What
        can't be read of one flow is said there. `samples`: of how many rows of each due export the shapes are shown, 20 at most. Raises
        `UsageError` G136 for a plan with a `base`, G137, `StoreError`, `MissingExtra`, `Interrupted`.
        """
        from reconciler.apply.foresee import foresee
        from reconciler.plan.data import SAMPLES

        if plan.base is not None:
            raise UsageError("G136", "a comparison reads no data", "Leave --base or --data out.")
        if not 0 <= samples <= SAMPLES:
            raise UsageError("G137", "samples can't be shown so", f"{samples} rows; 0 to {SAMPLES} can be asked for.")
        wiring = self._wiring()
        ledger = wiring.ledger()
        return foresee(wiring.context(ledger, hooks), plan, ledger.actual(), plan.at, samples)

    def judge(self, desired: Desired | None = None) -> list[Diagnostic]:
        """What policies say of the configuration: errors of those that are enabled, warnings of drafts. What other projects of a ledger
        send to the same recipients isn't known here; `plan` judges it too. Raises `NotValid`."""
        from reconciler.api.wiring import clock
        from reconciler.ledger.records import Actual
        from reconciler.plan.governance import review
        from reconciler.plan.verdicts import findings

        wanted = desired or self.validate().require()
        return findings(review(wanted, Actual(), clock()), wanted)

    def connect(self, desired: Desired | None = None) -> Connected:
        """Tries everything that is declared and lies outside of the configuration: secrets, accounts, destinations, datasets, the ledger,
        alert channels. Writes probes at destinations and the ledger and removes them, sends no alert. Raises `NotValid`."""
        from reconciler.api.connecting import connect
        from reconciler.api.wiring import clock

        return connect(self._wiring(), desired or self.validate().require(), clock())

    def log_in(self, account: str, show: Callable[[str], None], wait: float = 300.0) -> Path:
        """Has somebody log in to an `oauth2` account, and keeps the refresh token in the file that the account names, for its owner alone;
        returns the file. `show`: gets the URL that a browser on this machine is to open. `wait`: seconds. Raises `NotValid`, `UsageError`
        U116, `AccountError`, `MissingExtra`."""
        from reconciler.api.login import log_in

        return log_in(self._wiring(), self.validate().require(), account, show, wait)

    def what_if(self, trial: Trial, desired: Desired | None = None) -> Verdict:
        """What policies would say of an export that isn't declared, beside everything that is. Names in `trial` must exist, and its
        `where` be sound. Raises `NotValid`, `KeyError`."""
        from reconciler.api.wiring import clock
        from reconciler.ledger.records import Actual
        from reconciler.plan.whatif import tried

        return tried(trial, desired or self.validate().require(), Actual(), clock())

    # The ledger alone: whatever is wrong with the rest of the configuration ------------------------------------------------

    def ledger(self) -> Ledger:
        """The ledger, whether it has been made or not. Raises `NotValid` where what names it is wrong."""
        return self._wiring().ledger()

    def status(
        self,
        flow: str | None = None,
        *,
        destinations: tuple[str, ...] = (),
        select: tuple[str, ...] = (),
        at: datetime | None = None,
        ledger: Ledger | None = None,
    ) -> tuple[FlowStatus, ...]:
        """How the applied flows are doing, those that need a person first. `ledger`: what `ledger` gave, to look at it again."""
        return self.overview(flow, destinations=destinations, select=select, at=at, ledger=ledger).flows

    def overview(
        self,
        flow: str | None = None,
        *,
        destinations: tuple[str, ...] = (),
        select: tuple[str, ...] = (),
        at: datetime | None = None,
        ledger: Ledger | None = None,
    ) -> Overview:
        """The same, and which clean-ups failed: what is to be removed and is still there, of removed flows too."""
        from reconciler.api.choose import Choice, applied_flow, chosen
        from reconciler.api.looking import Overview, statuses
        from reconciler.present.cleanups import clean_ups

        ledger = ledger or self.ledger()
        actual = made(ledger)
        choice = Choice(None, destinations, select)
        heads = [applied_flow(actual, flow)] if flow else chosen(actual, choice)
        all_of_them = heads if flow else chosen(actual, choice, gone=True)
        return Overview(statuses(ledger, heads, time_of(at)), clean_ups(all_of_them))

    def history(
        self,
        flow: str | None = None,
        *,
        destinations: tuple[str, ...] = (),
        select: tuple[str, ...] = (),
        limit: int = 20,
    ) -> History:
        """The recorded runs, newest first, those of removed and moved flows too."""
        from reconciler.api.choose import Choice, chosen
        from reconciler.api.history import newest

        ledger = self.ledger()
        return newest(ledger, chosen(made(ledger), Choice(flow, destinations, select), gone=True), limit)

    def verify(
        self, flow: str | None = None, *, destinations: tuple[str, ...] = (), select: tuple[str, ...] = ()
    ) -> Report:
        """Every exported file read back and hashed again. Raises `DestinationError` where that can't be told."""
        from reconciler.api.choose import Choice, chosen
        from reconciler.api.verifying import verify

        wiring = self._wiring()
        ledger = wiring.ledger()
        heads = chosen(made(ledger), Choice(flow, destinations, select), gone=True)
        return verify(ledger, heads, wiring.destination)

    def run(
        self,
        *,
        select: tuple[str, ...] = (),
        at: datetime | None = None,
        parallel: int = 1,
        shard: tuple[int, int] = (1, 1),
        hooks: Hooks = QUIET,
    ) -> tuple[Event, ...]:
        """Exports what is due of what is applied: each slot once, however many runners do this at once.

        `parallel`: flows at once. `shard`: (I, N), the I-th of N parts of the flows, so that N runners share them without a race.

        An export that fails is an event, and the others go on. Raises `Conflict` L151 without a ledger, `Refused` L150 for one of another
        environment, `Interrupted`.
        """
        from reconciler.api.choose import Choice, chosen
        from reconciler.api.freeing import free
        from reconciler.api.measuring import measure
        from reconciler.api.runs import Shard, run_due
        from reconciler.apply.sweep import Sweep

        wiring = self._wiring()
        ledger = wiring.ledger()
        sweep = Sweep.begin(ledger)
        actual, now = self._at_work(ledger, at)
        mine = Shard(*shard)
        heads = [head for head in chosen(actual, Choice(select=select), gone=True) if mine.holds(head.flow)]
        with wiring.telling(ledger, lineage_of(actual), hooks, now) as telling:
            telling.alerts.begin(heads)
            context = telling.of(wiring.context(ledger, hooks), (head.spec for head in heads))
            events = run_due(context, actual, heads, now, hooks.told, parallel)
        free(sweep, actual, hooks.told)
        measure(wiring, ledger, now, hooks)
        return events

    def export(
        self,
        flow: str,
        *,
        full: bool = False,
        again: str | None = None,
        at: datetime | None = None,
        hooks: Hooks = QUIET,
    ) -> RunRecord:
        """Exports one flow now: what is new, or everything. The schedule's slots are untouched.

        `again`: the slot or run id of a recorded run, whose rows are sent again, beside everything else. Raises `Conflict` L120 where
        another runner is at this flow, `UsageError` U109 to U111, `Refused` H110, H111, and whatever stopped the export.
        """
        from reconciler.api.demanding import one_now
        from reconciler.api.measuring import measure
        from reconciler.api.runs import Exported

        _not_both(full, again)
        wiring = self._wiring()
        ledger = wiring.ledger()
        actual, now = self._at_work(ledger, at)
        head, wanted = self._asked(actual, flow, now, full=full, again=again)
        with wiring.telling(ledger, lineage_of(actual), hooks, now) as telling:
            context = telling.of(wiring.context(ledger, hooks), [head.spec])
            record = one_now(context, head, wanted, now)
        measure(wiring, ledger, now, hooks)
        hooks.told(Exported(head.flow, record))
        return record

    def export_several(
        self,
        flows: tuple[str, ...],
        *,
        full: bool = False,
        again: str | None = None,
        at: datetime | None = None,
        hooks: Hooks = QUIET,
    ) -> tuple[Event, ...]:
        """Exports flows now, as `export` does each; those over one dataset have one pin and share a read.

        An export that fails is an event, and the others go on. Nothing is exported where what is asked for isn't there: raises `UsageError`
        U106, U109 to U111, U120, U121, `Refused` H115, and `Interrupted`.
        """
        from reconciler.api.demanding import export_now
        from reconciler.api.measuring import measure

        _not_both(full, again)
        wiring = self._wiring()
        ledger = wiring.ledger()
        actual, now = self._at_work(ledger, at)
        asked = {
            head.flow: (head, wanted)
            for head, wanted in (self._asked(actual, flow, now, full=full, again=again) for flow in flows)
        }
        with wiring.telling(ledger, lineage_of(actual), hooks, now) as telling:
            context = telling.of(wiring.context(ledger, hooks), [head.spec for head, _ in asked.values()])
            events = export_now(context, [*asked.values()], now, hooks.told)
        measure(wiring, ledger, now, hooks)
        return events

    def apply(
        self,
        plan: Plan | SavedPlan,
        *,
        at: datetime | None = None,
        exports: bool = True,
        desired: Desired | None = None,
        hooks: Hooks = QUIET,
    ) -> Performed:
        """Performs exactly a plan, or refuses. Makes the ledger where there is none. `exports`: due ones included. Purges that an earlier
        apply left unfinished are gone on with.

        A saved plan is also bound to the configuration as it is here (`desired`, if it is at hand). Raises `Refused` for a plan with
        refusals, `Conflict` for a stale one, `MissingExtra` for an alert channel that can't be used here, `OutcomeUnknown`,
        `Interrupted`; a change that fails is a result.
        """
        from reconciler.alerts.open import require
        from reconciler.api.applying import Performed, alerts_declared, check, perform, permitted
        from reconciler.api.freeing import free
        from reconciler.api.measuring import measure
        from reconciler.api.purges import complete, discard, left_behind, owed
        from reconciler.api.retaining import retain_after
        from reconciler.apply.horizon import not_behind
        from reconciler.apply.sweep import Sweep
        from reconciler.plan.bind import SavedPlan

        wiring = self._wiring()
        ledger = wiring.ledger()
        sweep = Sweep.begin(ledger)
        actual = ledger.actual()
        now = acting_at(at, simulated=actual.project.simulated if actual.project else wiring.place.spec.simulated)
        if isinstance(plan, SavedPlan):
            desired = desired or self.validate().require()
        checked = check(plan, wiring.place, actual, now, desired if isinstance(plan, SavedPlan) else None)
        who = permitted(checked, actual, lambda: desired or self.validate().desired, self.root)
        done = Performed(())
        if checked.changes:
            not_behind(actual, now, asked=at is not None)
            require(alerts_declared(checked))
            done = perform(wiring, ledger, checked, actual.project, now, hooks, exports=exports, who=who)
        unfinished = owed(actual, checked.project)
        if unfinished:
            done = replace(done, purges=complete(wiring.context(ledger, hooks), unfinished, now, hooks.told))
        if left := left_behind(actual, checked.project):
            found = discard(wiring.context(ledger, hooks), left, now, hooks.told)
            done = replace(done, purges=(*done.purges, *found))
        mine = [head for head in actual.flows.values() if head.owner == checked.project]
        thinned = retain_after(lambda: wiring.context(ledger, hooks), mine, done.results, now, hooks.told)
        done = replace(done, retained=thinned)
        free(sweep, actual, hooks.told)
        measure(wiring, ledger, now, hooks)
        return done

    # Tending the ledger by hand --------------------------------------------------------------------------------------------

    def back_up(self, path: Path, *, replace: bool = False) -> int:
        """The whole ledger as one file that only its owner may read; returns how many documents. Runs may go on meanwhile.

        `replace`: also where a file has that name. Raises `UsageError` U115 where one has, `StoreError` L118: documents are damaged or
        missing, all of them named.
        """
        from reconciler.stores.backup import save

        return save(self.ledger(), path, replace=replace)

    def restore(self, path: Path) -> int:
        """A backup into the ledger, which must be empty, or hold what an earlier try left; returns how many documents.

        Raises `StoreError` L115, L116: the file isn't whole, or newer; `Conflict` L117; `Refused` L150.
        """
        from reconciler.api.tending import restore_into

        wiring = self._wiring()
        return restore_into(wiring.ledger(), wiring.place, path)

    def end_run(self, run_id: str) -> Ended:
        """Ends a decided run that can't be published: what of it had been is recorded, its slot counts as done, its cursor stays.

        Raises `UsageError` U113, `Conflict` L125.
        """
        from reconciler.api.tending import end_run
        from reconciler.api.wiring import clock
        from reconciler.apply.horizon import latest

        wiring = self._wiring()
        ledger = wiring.ledger()
        actual = made(ledger)
        of_environment(actual, self.environment)
        now = latest(actual, clock())
        return end_run(wiring.context(ledger, QUIET), actual, run_id, wiring.applied(now).by, now)

    def release(self, flow: str) -> str:
        """Ends the lease of a flow's open run, for a runner that is surely dead; returns the run's id. Raises `Conflict` U108."""
        from reconciler.api.tending import release

        ledger = self.ledger()
        actual = made(ledger)
        of_environment(actual, self.environment)
        return release(ledger, actual, flow)

    def limit_threads(self) -> None:
        """Has the libraries that compute keep to `engine.threads`, those that aren't loaded yet. Exports do so by themselves; a program
        that loads Polars before calls this first. Raises `NotValid`."""
        self._wiring().limit_threads()

    def _asked(
        self, actual: Actual, flow: str, now: datetime, *, full: bool, again: str | None
    ) -> tuple[FlowHead, Wanted]:
        """What a person asks for, who may."""
        from reconciler.api.choose import applied_flow
        from reconciler.api.principal import require_permitted
        from reconciler.apply.resend import find
        from reconciler.apply.runs import Wanted

        head = applied_flow(actual, flow)
        require_permitted(actual, head.owner, head.flow, self.root)
        return head, Wanted(now, on_demand=True, full=full) if again is None else Wanted.again(find(head, again))

    def _wiring(self) -> Wiring:
        from reconciler.api.wiring import Wiring

        return Wiring(self.root, find_ledger(self.root, self.environment))

    def _at_work(self, ledger: Ledger, at: datetime | None) -> tuple[Actual, datetime]:
        """What is applied, and the time to act at, if exports may run at all."""
        from reconciler.apply.horizon import not_behind

        actual = made(ledger)
        of_environment(actual, self.environment)
        now = acting_at(at, simulated=actual.project is not None and actual.project.simulated)
        not_behind(actual, now, asked=at is not None)
        return actual, now

    def _actual(self, desired: Desired, look_at: tuple[str, ...] | None) -> Actual:
        """What the ledger says and, where patterns are given (none: everything), what a look at the destinations shows."""
        wiring = self._wiring()
        ledger = wiring.ledger()
        actual = _counted(ledger, ledger.actual(), desired)
        if look_at is None:
            return actual
        from reconciler.apply.look import look
        from reconciler.plan.selection import Selection

        owner = desired.project.metadata.name
        seen = look(ledger, actual, owner, Selection(look_at or None), wiring.destination)
        return actual.model_copy(update={"observed": seen})

    def _assumed(self, base: str, now: datetime) -> Actual:
        """The ledger as if a revision were applied."""
        from reconciler.config.invalid import NotValid
        from reconciler.plan.assumed import as_applied

        found = self.validate(base)
        if found.desired is None:
            raise NotValid(found.diagnostics, found.files, revision=base)
        return as_applied(found.desired, now)


def _not_both(full: bool, again: str | None) -> None:
    if full and again is not None:
        raise UsageError(
            "U111",
            "--again and --full exclude each other",
            "Leave one of them out: --again SLOT repeats one run, --full sends all that matches now.",
        )


def _counted(ledger: Ledger, actual: Actual, desired: Desired) -> Actual:
    """With what is left of the exports that a plan may delete. Reads the runs of those flows alone."""
    from reconciler.plan.flow_changes import purging

    heads = purging(desired, actual)
    if not heads:
        return actual
    from reconciler.apply.recorded import still_there

    return actual.model_copy(update={"exported": {head.flow: still_there(ledger, head) for head in heads}})
