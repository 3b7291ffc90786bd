"""L1xx: the ledger's store, and writes to it."""

from __future__ import annotations

from reconciler.codes.base import Code

STORE_CODES = (
    Code(
        "L101",
        "the ledger changed meanwhile",
        "A ledger document was written by another runner between reading and writing it. Nothing was overwritten.",
        "Run again: it reads what is there now and decides anew.",
    ),
    Code(
        "L102",
        "a ledger write was not answered",
        "The store timed out, hung up, or answered with an error that leaves open whether it wrote. The document is read back to find out.",
        "Nothing, unless it happens all the time: then look after the network and the store.",
    ),
    Code(
        "L103",
        "the outcome of a ledger write is unknown",
        "A write was not answered and could not be read back either, so that nobody can tell whether it happened. Nothing else was touched (exit 75).",
        "Run the same command again when the store can be reached: it finds out what happened and goes on from there.",
    ),
    Code(
        "L130",
        "the ledger can't be reached",
        "The network, the name service or the store failed, also after trying again.",
        "Check the network, the endpoint and the store's state, and run again.",
    ),
    Code(
        "L131",
        "the ledger's bucket isn't there",
        "The bucket that the ledger's url names doesn't exist. It is never created by itself.",
        "Create it, or correct the ledger's url in the Project.",
    ),
    Code(
        "L132",
        "the ledger's bucket is in another region",
        "The request was sent to a region that doesn't have the bucket.",
        "Set `region` in the Project's `ledger` to the bucket's region.",
    ),
    Code(
        "L133",
        "the ledger's store rejects the credentials",
        "The keys are wrong, expired, or those of another store; or this machine's clock is wrong, which makes signatures invalid.",
        "Sign in again, or correct `auth` in the ledger's Account; set the clock.",
    ),
    Code(
        "L134",
        "the ledger's store ignores preconditions",
        "A ledger needs compare-and-swap: a write that must fail because the document changed meanwhile has to fail. This store "
        "did it all the same, so two runners could export the same slot.",
        "Use Amazon S3, a store that honours If-None-Match and If-Match on PutObject, or a local folder.",
    ),
    Code(
        "L135",
        "the ledger's store forbids a needed action",
        "The bucket can be reached, but an action that a ledger needs isn't allowed. The detail names it. Where an expected owner is "
        "declared, a bucket of another owner is answered in the same way.",
        "Allow s3:GetObject, s3:PutObject and s3:DeleteObject on the ledger's prefix and s3:ListBucket on its bucket.",
    ),
    Code(
        "L136",
        "the file system can't lock",
        "A ledger in a folder rests on file locks. This file system has none, or grants one lock twice.",
        "Put the ledger on a local disk, or in S3.",
    ),
    Code(
        "L137",
        "the ledger's folder can't be used",
        "The folder or a file in it can't be read or written: permissions, a full disk, a symbolic link, or something else in its place.",
        "The detail says which. Nothing was changed.",
    ),
    Code(
        "L138",
        "the ledger's store refused",
        "The store said no for a reason that isn't one of the usual ones. The detail holds its answer. Nothing was changed.",
        "Look the answer up in the store's documentation.",
    ),
    Code(
        "L139",
        "the ledger is locked by another process",
        "A lock that is usually held for milliseconds wasn't given up: its holder was stopped (SIGSTOP, a debugger), or the disk hangs.",
        "Continue or end that process; its lock goes with it.",
    ),
    Code(
        "L140",
        "not a ledger key",
        "A document's key isn't of the form that ledgers use. It can come from a ledger that was edited by hand.",
        "Correct or remove what was edited; otherwise report it.",
    ),
    Code(
        "L141",
        "not a ledger's url",
        "A ledger is a folder or a place in S3.",
        "Write file://PATH (relative to the project) or s3://BUCKET/PREFIX.",
    ),
    Code(
        "L142",
        "the ledger's encryption key can't be used",
        "The ledger is encrypted with a KMS key that isn't there, is disabled, or isn't given to the account.",
        "Correct `encryption.keyId` in the Project's `ledger`, enable the key, or allow kms:GenerateDataKey and kms:Decrypt on it.",
    ),
    Code(
        "L143",
        "a snapshot of the ledger is missing or damaged",
        "Under strategy `diff` a snapshot beside a flow's head holds what its reader has: without it nobody can tell what changed, nor "
        "who left. Backups of a ledger hold no snapshots.",
        "Restore the store's object version, or begin again with a full export, which makes a new one.",
    ),
    Code(
        "L112",
        "a pin of the ledger is missing",
        "A flow's cursor names which files its reader has; that list is gone from the ledger, so what is new can't be told.",
        "Restore it from a backup, or begin again with a full export.",
    ),
    Code(
        "L121",
        "the ledger was changed by another",
        "A document was written by somebody else between reading and writing it. Theirs stands; nothing of ours was written.",
        "Run again: it starts from what is there now.",
    ),
    Code(
        "L114",
        "the ledger lost its own document",
        "The document `project` says which ledger this is: its lineage, its environment, its serial. It is gone while other documents are "
        "there. A new one would make this another ledger, which destinations refuse, so that none is made.",
        "Restore the document from a backup of the ledger, or from the store's object versions.",
    ),
)
