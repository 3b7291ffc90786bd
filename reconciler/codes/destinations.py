"""D1xx: destinations that refuse, aren't there, or hold something else than was expected."""

from __future__ import annotations

from reconciler.codes.base import Code

DESTINATION_CODES = (
    Code(
        "D101",
        "destination belongs to another ledger",
        "An owner marker (.reconciler-owner.json) in the destination names the lineage of the ledger that "
        "exports to it. This one "
        "names another, so two ledgers would write to one place. Nothing was changed.",
        "Give this destination a path of its own, or use the ledger that owns it. If that ledger is gone for "
        "good, a person removes the marker.",
    ),
    Code(
        "D102",
        "destination isn't there",
        "The bucket or folder doesn't exist, or isn't a folder. A folder that vanished after it was applied is "
        "often a file "
        "system that isn't mounted, so that it isn't created again by itself.",
        "Create the bucket, mount the file system, or correct the connection; then plan and apply again.",
    ),
    Code(
        "D103",
        "bucket has another owner",
        "`expectedBucketOwner` names the AWS account that must own the bucket, and the store says that another "
        "one does, or won't "
        "tell. Personal data isn't sent to an unknown owner's bucket.",
        "Correct the bucket's name or `expectedBucketOwner`.",
    ),
    Code(
        "D104",
        "a needed permission is missing",
        "The destination can be reached, but forbids an action that this connection needs. The detail names it, and what else is forbidden.",
        "Grant it to the account's role (`reconcile catalog --iam DESTINATION` prints the least-privilege "
        "policy), or declare access: "
        "write-only if only reading or deleting is forbidden on purpose.",
    ),
    Code(
        "D105",
        "destination can't be reached",
        "The network, the name service or the store failed, also after trying again.",
        "Check the endpoint, the network and the store's state, and run again: open runs continue.",
    ),
    Code(
        "D106",
        "destination is full",
        "The disk, the quota or the largest size of a file is used up. What was being written has been removed; "
        "nothing of it was visible.",
        "Make room, or split the export with files.maxBytes, and run again.",
    ),
    Code(
        "D107",
        "store ignores preconditions",
        "The store overwrote a file although it was told not to (If-None-Match). Without that, an export could "
        "be shown twice or "
        "replace another, so it isn't used.",
        "Use a store that honours conditional writes when a multipart upload is completed, or upgrade it.",
    ),
    Code(
        "D108",
        "encryption key can't be used",
        "The store can't encrypt with the key that the connection names: it isn't there, is disabled, is in "
        "another region, or its "
        "policy doesn't allow kms:GenerateDataKey and kms:Decrypt to the account's role.",
        "Correct `encryption.keyId`, or allow both actions on the key to the role.",
    ),
    Code(
        "D109",
        "name leads out of the destination",
        "Names in a destination are relative, without '..', and no folder on the way may be a symbolic link.",
        "Correct the template of the folder or name, or remove the link; a folder elsewhere is declared as a "
        "destination of its own.",
    ),
    Code(
        "D110",
        "destination failed",
        "The destination refused a request for a reason that isn't known here. The detail repeats its code.",
        "Look the code up in the store's documentation. Running again continues open runs.",
    ),
    Code(
        "D111",
        "credentials were refused",
        "The store doesn't know the access key, or the signature or session has expired or is wrong.",
        "Correct the account's credentials and the machine's clock.",
    ),
    Code(
        "D112",
        "owner marker can't be read",
        "The destination holds an owner marker (.reconciler-owner.json) that isn't one. Nothing was changed.",
        "Look at the file. If it isn't needed, a person removes it.",
    ),
    Code(
        "D113",
        "bucket is in another region",
        "The store redirects to another region or endpoint.",
        "Set connection.region, or the account's endpoint, to where the bucket is.",
    ),
    Code(
        "D114",
        "connection doesn't allow this",
        "The connection is write-only: nothing can be read back, listed, verified or purged.",
        "Declare access: read-write if the recipient allows it.",
    ),
    Code(
        "D120",
        "another file has the name",
        "The destination already holds a different file under a name of this export. It wasn't overwritten.",
        "Find out who wrote it. Move it away, then run again; or end the run with `reconcile ledger abandon RUN`.",
    ),
    Code(
        "D121",
        "staged file was lost",
        "A file that was being staged was removed or changed by someone else, or another runner took the run "
        "over and discarded it.",
        "Run again: an undecided run starts anew. Leave the folder .reconciler-staging and open multipart "
        "uploads alone.",
    ),
    Code(
        "D122",
        "outcome of publishing is unknown",
        "The store may or may not have completed the file, and couldn't be asked. Nothing was sent again.",
        "Run again: publishing looks first and continues.",
    ),
    Code(
        "D123",
        "staged files couldn't be removed",
        "New staged files of a run kept appearing while it was discarded, or the store went on listing them.",
        "Run again. If it stays, list the bucket's multipart uploads and see who writes them.",
    ),
    Code(
        "D130",
        "staged file has expired",
        "The run was decided, but its staged file is gone and its time is over, so the store may have removed "
        "it, or the recipient took it. "
        "Which one can't be told.",
        "Ask the recipient. End the run with `reconcile ledger abandon RUN`: its rows go out again with the flow's "
        "next export.",
    ),
    Code(
        "D131",
        "published file is missing",
        "The file was published, but the destination doesn't have it any more. Many recipients remove what they "
        "have taken.",
        "Nothing, if the recipient took it; otherwise `reconcile export --again SLOT`.",
    ),
)
