"""R1xx: resources that don't fit together."""

from __future__ import annotations

from reconciler.codes.base import Code

REFERENCE_CODES = (
    Code(
        "R101",
        "unknown reference",
        "The resource that is named isn't declared in this project. What is still named can't be removed: each place that uses it is shown.",
        "Correct the name or declare the resource; or take out every place that names it, if it is to go.",
    ),
    Code(
        "R127",
        "required label is missing",
        "`Project.spec.requiredLabels` names keys that every Destination, Audience and Activation must have among its `metadata.labels`.",
        "Add the label with its value, or take its key out of `requiredLabels`.",
    ),
    Code(
        "R102",
        "duplicate name",
        "Two resources of one kind have the same name.",
        "Rename one of them, or remove the copy.",
    ),
    Code(
        "R103",
        "more than one Project",
        "A project directory has one Project at most.",
        "Keep one of them.",
    ),
    Code(
        "R104",
        "destination doesn't accept this data type",
        "A destination gets only the data types that it accepts: by its type, and by `accepts` where that is given.",
        "Add the data type to the destination's `accepts`, or activate to another destination.",
    ),
    Code(
        "R105",
        "columns must be named for a third party",
        "The destination has a recipient, so what leaves is listed column by column: a column added to the dataset later must not leave by itself.",
        "List the columns under the activation's `columns`.",
    ),
    Code(
        "R106",
        "backfill must be chosen for a third party",
        "The destination has a recipient, so that the first export's extent is a decision: everything that matches, nothing, or from a time on.",
        "Write backfill: full, backfill: none or backfill: {from: 2026-11-01T00:00:00Z}.",
    ),
    Code(
        "R107",
        "unknown column",
        "The dataset declares no column of that name.",
        "Correct the name, or declare the column in the Dataset.",
    ),
    Code(
        "R108",
        "column names collide",
        "Two columns would leave under the same name. Upper and lower case count as the same, and so do two ways to compose a letter with its accent, since many readers don't tell them apart.",
        "Give one of them another name with `as`.",
    ),
    Code(
        "R109",
        "flow declared twice",
        "One audience or dataset on one destination is one flow, whatever activation declares it. Two activations declare this one.",
        "Remove it from one of the two activations.",
    ),
    Code(
        "R110",
        "nested column in CSV",
        "CSV has no form for lists, structs and maps.",
        "Leave the column out, or export as parquet or json.",
    ),
    Code(
        "R111",
        "selector matches nothing",
        "No resource has the labels that the selector asks for.",
        "Correct the labels, or add them to a resource.",
    ),
    Code(
        "R112",
        "renamedFrom names a resource that exists",
        "`renamedFrom` says under which name the ledger knows this resource. That name must be free, and only one resource may claim it.",
        "Remove `renamedFrom`, or the resource that still has the old name.",
    ),
    Code(
        "R113",
        "two flows share a folder",
        "On one destination, two flows would write to the same source folder: by name, by metadata.id or by a former name. Case doesn't tell them apart.",
        "Give one of them another metadata.id.",
    ),
    Code(
        "R114",
        "catchUp all isn't possible here",
        "`catchUp: all` exports each missed slot in turn, which needs a way of reading that can cut the data by time. This one can't.",
        "Use catchUp: latest (one export covers all missed slots) or catchUp: skip.",
    ),
    Code(
        "R115",
        "overlay patches what isn't there",
        "An environment's overlay patches resources by kind and name; this one isn't declared.",
        "Correct kind and name.",
    ),
    Code(
        "R116",
        "unknown environment",
        "The environment has no file environments/<name>.yaml.",
        "Correct the name, or add the file.",
    ),
    Code(
        "R118",
        "activation has no flow",
        "An activation names at least one audience or dataset, or a selector for them.",
        "Add audiences, datasets or a selector.",
    ),
    Code(
        "R119",
        "activated twice in one activation",
        "The activation names the same audience or dataset more than once.",
        "Remove one of the two.",
    ),
    Code(
        "R120",
        "dataset location and account don't fit",
        "Locations on S3 are read with an account; local paths take none.",
        "Add or remove `account`.",
    ),
    Code(
        "R121",
        "transform doesn't fit the column",
        "Each transform takes certain types: lower, upper, trim, mask, sha256-email and sha256-phone take text; time takes dates and timestamps; sha256 and hmac take any single value.",
        "Use another transform, or leave it out.",
    ),
    Code(
        "R122",
        "consent can't be judged",
        "The dataset asks for consent, which is given for marketing actions. So the destination says which actions it is used for, and the dataset says for each which values allow it; a row leaves only if all of them do.",
        "Add marketingActions to the destination, and each of them to the dataset's consent.allow.",
    ),
    Code(
        "R123",
        "suppression can't be applied to a flow",
        "A suppression applies to every flow of the project, dataset exports included. Here it finds no column to look at, or one that it can't compare.",
        "Declare the column in the dataset, or add a match over a column that it has to the suppression.",
    ),
    Code(
        "R124",
        "recipient isn't told who was suppressed",
        "An incremental flow under strategy files or cursor, or under diff with removed: ignore, sends what is new and never says who left: people who are suppressed after they were sent stay with the recipient. A suppression with notify: true allows only flows that tell removals.",
        "Use strategy diff with changes.removed: folder or tombstone. Without notify, a full export (mode: full) will do too, or unnotified: accept in the suppression, which is a decision that a reviewer sees.",
    ),
    Code(
        "R125",
        "unknown marketing action",
        "The core marketing actions have the names that marketing platforms use, so that consent and policies mean the same everywhere. A project declares others as MarketingAction; `reconcile list MarketingAction` prints all of them.",
        "Correct the name, or declare a MarketingAction.",
    ),
    Code(
        "R126",
        "cursor can't be followed",
        "Strategy cursor exports rows whose column is greater than what was exported before. The column is a timestamp, a date, an int or a long; lag and a backfill that begins at a time need a timestamp or a date.",
        "Follow another column, or use strategy files.",
    ),
    Code(
        "R130",
        "strategy diff can't be used so",
        "Strategy diff compares the whole dataset, by primary key, with what the flow exported last. So it needs a primary key, and its first export is everything or nothing.",
        "Add primaryKey to the dataset, and write backfill: full or none; or use another strategy.",
    ),
    Code(
        "R131",
        "the columns can't tell what changed",
        "Who was removed is told by the key as it leaves, so the columns of the primary key are among those that leave, whatever their transform. The operation, and the reason in files of removals, need names of their own; a tombstone has nothing but the key, so no other column can be required.",
        "Add the key's columns, rename a column with as, or use removed: folder instead of tombstone.",
    ),
    Code(
        "R132",
        "a limit on removals that nobody counts",
        "guards.export.maxRemoved is a share of the people that the recipient has. Only incremental flows under strategy diff know who was removed.",
        "Remove maxRemoved, or use strategy diff for every flow of the activation.",
    ),
    Code(
        "R133",
        "a rebuild would send what the backfill leaves out",
        "With overwrites: rebuild, a flow exports all that a table holds once rows of it were deleted, updated or overwritten. Which of them were there before the time at which a limited backfill begins can't be told then.",
        "Write backfill: full, or overwrites: refuse in the activation's own incremental.",
    ),
    Code(
        "R190",
        "handed over to two projects",
        "A flow comes from an activation, a destination and an audience or dataset; what any of them says under `transferTo` holds for it, and only one project can take it over.",
        "Let all of them name the same project, or take `transferTo` out of the others.",
    ),
    Code(
        "R191",
        "a project hands nothing over to itself",
        "`transferTo` and `adoptFrom` name the other project of the ledger, by the name of its Project document.",
        "Name the other project, or take the line out.",
    ),
    Code(
        "R192",
        "handed over to whom it is taken over from",
        "One object is either on its way to another project or on its way from it.",
        "Take out `adoptFrom`, which has done its work once it was adopted; or `transferTo`, if it is to come back.",
    ),
)
