"""The ledger's documents. Each carries its schema version and the nonce of the write that made it."""

from __future__ import annotations

from typing import Literal

from reconciler.ledger import keys
from reconciler.ledger.observed import Observed
from reconciler.resources.effective import EffectiveDestination, FlowSpec
from reconciler.resources.governing import Governing
from reconciler.values.base import Value
from reconciler.values.changed import ChangeCounts
from reconciler.values.cursor import Cursor, DiffCursor
from reconciler.values.excluded import Excluded
from reconciler.values.identity import FlowId
from reconciler.values.manifest import ManifestFile, RunKind
from reconciler.values.mark import Range
from reconciler.values.pin import Pin
from reconciler.values.slot import Instant, Slot
from reconciler.values.staged import StagedFile

FORMAT_VERSION = 1


class Document(Value):
    """What all documents share. `nonce` is fresh with every write: it tells whose write survived a lost answer."""

    schema_version: Literal[1] = 1
    nonce: str


class Applied(Value):
    """Who applied what, when. `revision`: git commit; `committed_at`: its commit time, to notice a rewind. `by`: free text."""

    at: Instant
    by: str
    revision: str | None = None
    committed_at: Instant | None = None


class ProjectRecord(Document):
    """The ledger itself. `serial` is bumped by applies only; `owners`: last apply of each project that it serves; `governing`: what the
    permissions of those that have roles are judged by."""

    format_version: int
    lineage: str
    environment: str | None = None
    simulated: bool
    serial: int
    created_at: Instant
    owners: dict[str, Applied] = {}
    governing: dict[str, Governing] | None = None


class DestinationRecord(Document):
    """A destination as applied. `transfer_to`: the project that may adopt it."""

    name: str
    owner: str
    spec: EffectiveDestination
    fingerprint: str
    generation: int
    protected: bool
    transfer_to: str | None = None
    applied: Applied


class PinRecord(Document):
    """A pin, shared by all flows that read the same files. `doomed`: no head named it when one looked; the next look may remove it."""

    pin: Pin
    doomed: bool = False


class Lease(Value):
    """Who works on an open run, and until when others leave it alone. Saves work only: no safety rests on it."""

    holder: str
    until: Instant


class Standing(Value):
    """The file that stands at a flow's fixed name (`files.replace`): the run that put it there, and that run's manifest, if any."""

    run_id: str
    name: str
    size: int
    sha256: str
    manifest: str | None = None


class Unremoved(Value):
    """Why something that is to be removed is still there: the last try's code and sentences, which like every error's hold neither data
    nor secrets. `since`: the first try that failed, of those that followed one another; `at`: the last."""

    code: str
    sentence: str
    detail: str = ""
    since: Instant
    at: Instant
    attempts: int = 1


class Retained(Value):
    """How far `files.retain` has got. `through`: the last run, as its document is named, up to which all files are deleted.

    `removed`: exports deleted so far. `settled`: nothing was recorded or applied since it was looked at; `again`: when to look even so.
    `problem`: why some are still there, in words; `unremoved`: since when, and how often it was tried.
    """

    through: str | None = None
    removed: int = 0
    settled: bool = False
    again: Instant | None = None
    problem: str | None = None
    unremoved: Unremoved | None = None


class OpenRun(Value):
    """The run that a head has open. Destination, accounts and dataset are as claimed: a later apply doesn't change them.

    It reads the files of `pin` that aren't in `pin_before`: those exported before, or before a backfill's limit.
    `standing`: what it may replace, where its name is a fixed one; more than one where it can't be told which of them is there.
    `delay_seconds`: from the slot to the claim; None for what is sent again.
    """

    run_id: str
    epoch: int
    generation: int
    kind: RunKind
    slot: Slot
    on_demand: bool = False
    covers: int = 0
    resend_of: str | None = None
    spec: FlowSpec
    source_id: str
    folder: str
    pin: str
    pin_before: str | None = None
    cursor_before: Cursor | None = None
    within: Range | None = None
    mark: str | None = None
    standing: tuple[Standing, ...] | None = None
    phase: Literal["staging", "publishing"] = "staging"
    staged_digest: str | None = None
    lease: Lease
    claimed_at: Instant
    delay_seconds: int | None = None


class AbandonedRun(Value):
    """A run whose staged files are still to be discarded, at the destination as claimed. `unremoved`: why they couldn't be yet."""

    run_id: str
    destination: EffectiveDestination
    reason: str
    at: Instant
    unremoved: Unremoved | None = None


class Resendable(Value):
    """A recorded run that `export --again` can repeat: its pins are kept. It read the files of `pin` that aren't in `pin_before`."""

    run_id: str
    slot: Slot
    on_demand: bool
    pin: str
    pin_before: str | None = None


class LastRun(Value):
    """What status and metrics show without reading the run's document. `read`, `matched`, `duration_seconds` (from the claim until
    it was recorded), `delay_seconds` (from the slot to the claim): None where an older version of this tool recorded it."""

    run_id: str
    slot: Slot
    kind: RunKind
    rows: int
    files: int
    size: int
    read: int | None = None
    matched: int | None = None
    duration_seconds: float | None = None
    delay_seconds: int | None = None
    finished_at: Instant
    location: str
    excluded: dict[Excluded, int] = {}
    changes: ChangeCounts | None = None


class Condition(Value):
    """Why a flow needs a person. `held`: a guard or a lost staged file; `failed`: the last try went wrong. `detail`: which one, and the
    numbers; like every error's, without data and secrets."""

    type: Literal["held", "failed"]
    code: str
    sentence: str
    detail: str = ""
    at: Instant
    run_id: str | None = None
    slot: Slot | None = None
    attempts: int = 1


class Life(Value):
    """Under which id, and in which of its generations (both ends included), a flow's runs are recorded."""

    flow: str
    born: int
    until: int


FlowState = Literal["active", "suspended", "removed", "moved"]


class FlowHead(Document):
    """All that is known of a flow. Epochs never restart: a removed flow leaves its head as a tombstone.

    `nonces`: the latest transitions' nonces, newest last, so that a write whose answer was lost is recognised even after
    somebody swapped again. `since`: when the flow was first applied. `rebuild`: why the next export is full.
    `born`: the generation at which it was added or moved here: runs of an earlier one are those of a flow that was
    removed. `formerly`: where its runs are recorded from before it was renamed. `purge`: its files are still to be deleted;
    `unpurged`: why they couldn't be yet.
    `standing`: what its runs put at a fixed name and no later one replaced; the newest last.
    """

    flow: str
    owner: str
    state: FlowState = "active"
    moved_to: str | None = None
    spec: FlowSpec
    fingerprint: str
    source_id: str
    generation: int = 1
    born: int = 1
    formerly: tuple[Life, ...] = ()
    epoch: int = 0
    protected: bool = False
    since: Instant
    applied: Applied
    nonces: tuple[str, ...] = ()
    cursor: Cursor | None = None
    rebuild: str | None = None
    last_slot: Slot | None = None
    recorded_at: Instant
    open: OpenRun | None = None
    abandoned: tuple[AbandonedRun, ...] = ()
    condition: Condition | None = None
    last_run: LastRun | None = None
    resendable: tuple[Resendable, ...] = ()
    purge: bool = False
    unpurged: Unremoved | None = None
    standing: tuple[Standing, ...] | None = None
    retained: Retained | None = None

    @property
    def flow_id(self) -> FlowId:
        """The flow's identity."""
        return FlowId.parse(self.flow)

    def lives(self) -> tuple[Life, ...]:
        """Where its runs are recorded, oldest first."""
        return (*self.formerly, Life(flow=self.flow, born=self.born, until=self.generation))

    def pins(self) -> frozenset[str]:
        """Digests of every pin that this head still needs."""
        found = {self.cursor.pin} if self.cursor else set()
        if self.open:
            found |= {self.open.pin} | ({self.open.pin_before} if self.open.pin_before else set())
        for each in self.resendable:
            found |= {each.pin} | ({each.pin_before} if each.pin_before else set())
        return frozenset(found)

    def snapshots(self) -> frozenset[str]:
        """Keys of every blob that this head still needs: of strategy `diff`, which is one at most but while a run is open."""
        found = {each.snapshot for each in (self.cursor,) if isinstance(each, DiffCursor)}
        if self.open:
            found.add(keys.snapshot(self.open.run_id))
            found |= {each.snapshot for each in (self.open.cursor_before,) if isinstance(each, DiffCursor)}
        return frozenset(found)


class StagedRecord(Document):
    """Everything that publishing and recording a decided run need. `lifted`: breaches that an override let pass, as sentences."""

    run_id: str
    files: tuple[StagedFile, ...]
    manifest: StagedFile | None = None
    cursor_after: Cursor | None = None
    read: int
    matched: int
    excluded: dict[Excluded, int] = {}
    lifted: tuple[str, ...] = ()
    changes: ChangeCounts | None = None
    staged_at: Instant


class RunRecord(Document):
    """One finished run. `generation`: of the flow when it was claimed. `files` are relative to the destination's path, as is `manifest`;
    `rows` and `size` are without files of those who left.

    `replaced`: runs whose file gave way to this one's (`files.replace`), and whose manifests were deleted. `removed_at`: when its own files
    were deleted; `removed_by`: as its flow was removed (`onRemove`), or past `files.retain`. `delay_seconds`: from the slot to the claim;
    None for what was sent again.
    """

    flow: str
    run_id: str
    generation: int = 1
    kind: RunKind
    slot: Slot
    on_demand: bool
    covers: int
    resend_of: str | None = None
    outcome: Literal["exported", "abandoned"]
    why: str
    spec: FlowSpec
    source_id: str
    folder: str
    location: str
    manifest: str | None = None
    files: tuple[ManifestFile, ...]
    read: int
    matched: int
    excluded: dict[Excluded, int] = {}
    lifted: tuple[str, ...] = ()
    changes: ChangeCounts | None = None
    rows: int
    size: int
    cursor_before: Cursor | None = None
    cursor_after: Cursor | None = None
    within: Range | None = None
    replaced: tuple[str, ...] | None = None
    removed_at: Instant | None = None
    removed_by: Literal["purge", "retain"] | None = None
    claimed_at: Instant
    delay_seconds: int | None = None
    staged_at: Instant | None = None
    finished_at: Instant
    tool: str


class StillThere(Value):
    """What is left of all that a flow exported, by its runs' documents: `files` and `manifests` of so many `runs`, with so many `rows` and,
    in the files alone, `size` bytes."""

    runs: int
    files: int
    manifests: int
    rows: int
    size: int


class Actual(Value):
    """The ledger as one value, for the plan. `project` is None where no ledger has been made yet, `observed` where nobody
    looked at the destinations. `assumed`: what permissions are judged by where there is no project record. `exported`: by flow, of those
    that a plan may remove together with their files."""

    project: ProjectRecord | None = None
    assumed: Governing | None = None
    destinations: dict[str, DestinationRecord] = {}
    flows: dict[str, FlowHead] = {}
    observed: Observed | None = None
    exported: dict[str, StillThere] = {}

    def governing(self, owner: str) -> Governing | None:
        """What a project's permissions are judged by, as applied; None where everybody may do everything."""
        if self.project is None:
            return self.assumed
        return (self.project.governing or {}).get(owner)
