"""H1xx: what holds a run, refuses it, or leaves it to a person."""

from __future__ import annotations

from reconciler.codes.base import Code

RUN_CODES = (
    Code(
        "H110",
        "the flow was changed since that run",
        "A re-send repeats the rows of a recorded run. The flow's columns, filter, dataset, destination or recipient is another since: "
        "a column that was taken out must not leave again, and other rows would not be the same.",
        "Send what matches today with `reconcile export FLOW --full`, or apply what the flow was at that time.",
    ),
    Code(
        "H111",
        "the data of that run is gone or was rewritten",
        "A re-send reads the very files that the recorded run read, and some of them are no longer what they were.",
        "Put the files back as they were, or send what matches today with `reconcile export FLOW --full`.",
    ),
    Code(
        "H112",
        "the newest export alone is kept",
        "Under `files.replace` every run overwrites the file of the one before, so that an earlier run's rows have no place of their own.",
        "Send what matches today with `reconcile export FLOW --full`, or take `replace` out.",
    ),
    Code(
        "H113",
        "the recipient's agreement has ended",
        "The destination's `recipient.until` is over, so nothing may be sent to that third party any more, re-sends included. The flow keeps "
        "its place: once the agreement is prolonged it goes on with what is new since.",
        "Write the new last day into `recipient.until`, apply it and run again; or remove the flow, or suspend it.",
    ),
    Code(
        "H115",
        "a comparison can't be sent again",
        "Under strategy `diff` a run tells what changed since the one before it. Its recipient has come further since, so that the same "
        "changes would be wrong today.",
        "Send everything once more with `reconcile export FLOW --full`; the recipient then begins anew.",
    ),
    Code(
        "H116",
        "the secret of a snapshot is another one",
        "Strategy `diff` recognises people by digests that depend on `changes.secret`, and keeps their exported keys encrypted with it. With "
        "another value nobody is recognised: everybody would seem to have left and come anew. Nothing was exported.",
        "Put the former secret back, or start over with everything: `reconcile export FLOW --full`.",
    ),
    Code(
        "H117",
        "the flow is suspended",
        "A suspended flow exports nothing: no slot, nothing that is asked for, and nothing again.",
        "Take `suspend: true` out of the activation, and apply.",
    ),
    Code(
        "U109",
        "no such run to send again",
        "A slot is named as 2026-12-02T02:00Z, and a run by its id. Only a flow's newest runs are kept for sending again.",
        "Name one of those that the detail lists; reconcile history FLOW shows the slots and ids of all runs.",
    ),
    Code(
        "U110",
        "several runs have this slot",
        "A run on demand carries the minute at which it was asked for, which another run may have too.",
        "Name the run by its id.",
    ),
    Code(
        "U111",
        "--again and --full exclude each other",
        "--again repeats the rows of one recorded run; --full exports everything that matches today.",
        "Leave one of them out.",
    ),
    Code(
        "U112",
        "not a part of the flows",
        "Runners that share a ledger's flows each take one of N parts.",
        "Write I/N with I from 1 to N, such as --shard 2/3.",
    ),
    Code(
        "L118",
        "the ledger can't be backed up whole",
        "A backup without some of the documents would be taken for a whole one on the day that it is needed.",
        "Restore the documents that the detail names, then back up again. A folder or bucket can be copied as it is meanwhile.",
    ),
    Code(
        "L119",
        "the backup can't be written",
        "A backup takes its name once it is whole and on disk. Where that fails, nothing is left, and an earlier backup of that name stays.",
        "Name a file in a folder that is there, that you may write to, and that has room.",
    ),
    Code(
        "L115",
        "the backup isn't whole",
        "A backup ends with the number of its documents and a digest, and every document is what its key says. This one isn't so.",
        "Take another backup.",
    ),
    Code(
        "L116",
        "the backup is from a newer version",
        "A newer reconciler wrote this file. An older one can't know what it means.",
        "Upgrade reconciler here to the version that wrote it.",
    ),
    Code(
        "L117",
        "the ledger isn't empty",
        "A backup is restored into an empty ledger only: laid over another, it would make runs forget what they exported.",
        "Name an empty place in Project.spec.ledger, or move what is there away.",
    ),
    Code(
        "L125",
        "nobody needs to end this run",
        "Only a decided run that can't be published is ended by a person: an undecided one has shown nothing and is discarded by itself, and "
        "one that isn't held is completed by the next run.",
        "Do what the detail says.",
    ),
    Code(
        "U113",
        "no open run has this id",
        "A run that was recorded, or was never begun, can't be ended.",
        "reconcile status shows the runs that are held, with their ids, and the clean-ups that failed.",
    ),
    Code(
        "U115",
        "the backup's file is there already",
        "A backup may be the only copy of what it holds, so that another never takes its place unasked.",
        "Name another file, such as one with the date in its name, or give --force.",
    ),
    Code(
        "U116",
        "nobody can log in to this account",
        "`reconcile account login` is for an Account of type oauth2 that has authorizationUrl, and refreshToken with a file.",
        "Correct the name; or add to the Account what the detail names.",
        "spec: {type: oauth2, tokenUrl: …, authorizationUrl: …, clientId: …, refreshToken: {fromFile: .secrets/events}}",
    ),
    Code(
        "U114",
        "a snapshot isn't printed",
        "Snapshots hold what strategy diff compares the next export with: digests of people's keys and rows, and encrypted keys. They are of use to a "
        "run alone.",
        "Name a document; reconcile ledger show lists all keys.",
    ),
    Code(
        "L113",
        "a run of the ledger is missing",
        "The document that says what a run exported is gone from the ledger.",
        "Restore it with `reconcile ledger import`, or from the store's object versions.",
    ),
    Code(
        "H120",
        "not everything could be purged",
        "A flow was removed with onRemove: purge, and the destination refused to delete some of its files. The ledger remembers that they "
        "are owed.",
        "Mend what the detail names; the next run or apply tries again until all are gone. If the place is gone for good, give it up with "
        "`reconcile ledger abandon FLOW`.",
    ),
    Code(
        "H121",
        "older exports couldn't be deleted",
        "The destination refused to delete files of exports that are older than files.retain keeps. What they exported stays there.",
        "Mend what the detail names; the next run or apply tries again until they are gone.",
    ),
    Code(
        "H122",
        "what an abandoned run staged is still there",
        "A run ended before anything of it could be seen, and what it had staged can't be removed: its destination, or the account with which "
        "it was claimed, can't be used any more. Nobody sees any of it, and the flow goes on.",
        "Mend what the detail names; the next run or apply tries again. If the place is gone for good, give it up with "
        "`reconcile ledger abandon RUN`.",
    ),
)
