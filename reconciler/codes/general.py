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
        "L110",
        "a ledger document is damaged",
        "A document of the ledger is torn, or was changed by something else. Nothing was changed and nothing is guessed.",
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
        "Look at the data; when the counts are right, change the guard in a reviewed pull request and apply it.",
    ),
)
