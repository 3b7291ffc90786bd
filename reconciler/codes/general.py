"""E0xx: the installation; L11x and L12x: the ledger's documents, as the pure code above the stores sees them."""

from __future__ import annotations

from reconciler.codes.base import Code

GENERAL_CODES = (
    Code(
        "E001",
        "an optional part is not installed",
        "Validating and planning need little; engines and clouds are optional parts of the installation, and this needs one.",
        "Install it with the command that the detail gives.",
    ),
    Code(
        "E002",
        "an unexpected failure",
        "Something went wrong that reconciler doesn't foresee. What it was is not shown, since it may hold data; what was begun stays "
        "recoverable, and other flows are not affected.",
        "Report it with the version and what was run. The next run begins where this one ended.",
    ),
    Code(
        "L110",
        "a ledger document is damaged",
        "A document of the ledger is torn, was changed by something else, or stands at another's key. Nothing was changed and nothing is guessed.",
        "Restore it from a backup with `reconcile ledger import`, or from the store's object versions.",
    ),
    Code(
        "L111",
        "a ledger document is from a newer version",
        "A newer reconciler wrote to this ledger. An older one can't know what its documents mean, so it touches nothing.",
        "Upgrade reconciler here to the version that wrote it.",
    ),
    Code(
        "L120",
        "another runner was faster",
        "The flow isn't in the state that this step starts from: another runner changed it between reading and writing.",
        "Nothing: what the other runner does stands. Run again to see what is left to do.",
    ),
    Code(
        "L122",
        "what a decided run staged is not on the ledger",
        "A run was decided, and the document that says where its files wait is missing or was changed. It can't be completed by guessing.",
        "Restore the document from a backup of the ledger; the next run then completes the export.",
    ),
    Code(
        "H101",
        "a guard holds this export",
        "The true counts breach a guard of the activation. What was staged has been discarded; nobody has seen anything.",
        "Look at the data; when the counts are right, change the guard in a reviewed pull request and apply it, or lift it for a while with "
        "`metadata.override` of the activation.",
    ),
    Code(
        "L123",
        "the plan is stale",
        "What the plan would change was changed since by another apply, so its review doesn't cover what would happen now.",
        "Plan again, and have that reviewed.",
    ),
    Code(
        "L124",
        "not tried",
        "A change that this one stands on failed in the same apply.",
        "Mend what failed, and apply again.",
    ),
    Code(
        "L150",
        "this ledger is another's",
        "A ledger belongs to one environment, and is simulated or not from its creation on. Nothing was changed.",
        "Name the ledger of this environment in Project.spec.ledger, or give --env.",
    ),
    Code(
        "L151",
        "there is no ledger yet",
        "Only an apply makes a ledger: a run that made one would take a lost ledger for a fresh start and export everything again.",
        "Apply first, or name the right ledger in Project.spec.ledger.",
    ),
    Code(
        "U101",
        "not a time",
        "A time that a command acts at names its zone.",
        "Write it as 2026-12-01T02:00Z.",
    ),
    Code(
        "U102",
        "ahead of the clock",
        "Only a plan may look ahead; what is performed is performed now, except on a simulated ledger.",
        "Leave --at out, or use a simulated ledger for demonstrations.",
    ),
    Code(
        "U103",
        "not a number of removals",
        "How many flows an apply may remove is a number, or all.",
        "Write --allow-removals 3, or --allow-removals all.",
    ),
    Code(
        "U104",
        "nobody to ask",
        "An apply asks before it changes anything, and there is no terminal to ask at.",
        "Give --yes, or apply a saved plan that was reviewed.",
    ),
    Code(
        "U105",
        "a comparison can't be saved",
        "A plan that can be performed is bound to a ledger; a comparison with a git revision knows none.",
        "Leave --base out to save a plan, or --out to compare.",
    ),
    Code(
        "U106",
        "this flow isn't applied",
        "Only a flow that is applied can be exported; this one was removed, or goes by another name now.",
        "Declare and apply it again, or name its new id; reconcile status lists what is applied.",
    ),
    Code(
        "U107",
        "no such document",
        "The ledger has no document under this key.",
        "List the keys with reconcile ledger show.",
    ),
    Code(
        "U108",
        "there is nothing to release",
        "Only an open run has a lease; this flow has none, so its next run starts at once.",
        "Nothing needs to be done.",
    ),
    Code(
        "U120",
        "nothing fits",
        "A flow, destination or pattern was named that nothing applied has. It is refused, since a mistyped name must not read as all is well.",
        "List what is applied with reconcile status, and correct the name.",
    ),
    Code(
        "U121",
        "several flows fit",
        "An audience and a dataset of one name go to the same destination, so that the short name means both.",
        "Write the flow's full id, as the detail lists them.",
    ),
    Code(
        "L152",
        "the ledger has recorded a later time",
        "What is recorded can't be undone by going back, and who has expired meanwhile must not leave because of an earlier --at.",
        "Leave --at out; on a simulated ledger, give a time after the recorded one.",
    ),
)
