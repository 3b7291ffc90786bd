"""F1xx: a dataset's files aren't what was declared."""

from __future__ import annotations

from reconciler.codes.base import Code

DATASET_CODES = (
    Code(
        "F101",
        "dataset isn't there",
        "The dataset's location doesn't exist. A missing source is never taken for an empty one.",
        "Correct the location, mount the file system, or wait for the job that writes it.",
    ),
    Code(
        "F102",
        "unexpected file in a dataset",
        "The location holds a file whose name doesn't end as the dataset's format does, or isn't UTF-8. Skipping it might skip "
        "people, so it is an "
        "error. Names and folders that begin with _ or . are never read.",
        "Move the file away, give it the format's extension or a leading _, or correct `format`.",
    ),
    Code(
        "F103",
        "symbolic link can't be followed",
        "In a dataset's folder, links to folders, links that lead out of it, broken ones, and links to a file that "
        "is read anyway "
        "are refused: they could read what wasn't meant, or read it twice.",
        "Replace the link by the file.",
    ),
    Code(
        "F104",
        "dataset can't be read",
        "The operating system or the store refused, or couldn't be reached, also after trying again. The detail "
        "names the missing permission.",
        "Grant the right to list and read (s3:ListBucket, s3:GetObject), or check network and endpoint.",
    ),
    Code(
        "F105",
        "file is torn or isn't what its name says",
        "The file ends too early, its checksum is wrong, or it is another format. It may still be being written.",
        "Let the writer finish, or replace the file. A longer incremental.settle waits for slow writers.",
    ),
    Code(
        "F106",
        "declared column is missing in a file",
        "Each file must have every declared column. A missing one isn't silently null.",
        "Correct the name, rewrite the file, or declare the column with `optional: true` so that such files read as "
        "null.",
    ),
    Code(
        "F107",
        "column has another type in a file",
        "The file's type doesn't fit the declared one and can't be widened to it without loss.",
        "Correct the declared type or rewrite the file. docs/datasets.md lists what is widened.",
    ),
    Code(
        "F108",
        "column twice in a file",
        "Two columns of a file have the same name, so nobody can say which one is meant.",
        "Rewrite the file with distinct names.",
    ),
    Code(
        "F109",
        "value doesn't have the declared type",
        "A value in a CSV or JSON Lines file can't be read as the declared type. It isn't shown, since it may be "
        "personal data.",
        "Look at the place that is named. docs/datasets.md says how each type is written. Or declare the column as "
        "string.",
    ),
    Code(
        "F110",
        "line is malformed or too long",
        "A line isn't a CSV record with as many fields as the header, or isn't one JSON object, or is longer than 16 "
        "MiB, as no value of a Parquet file may be either. Its text isn't shown.",
        "Look at the line that is named; check delimiter and quote.",
    ),
    Code(
        "F111",
        "compressed file expands too far",
        "After 1 GiB of text the file has expanded by more than 250 to one, or 128 MiB of text in one column of a Parquet file's row group "
        "do, which no file of prospects does.",
        "Look at the file. If it is meant, store text uncompressed or as Parquet, and Parquet with dictionaries or smaller row groups.",
    ),
    Code(
        "F112",
        "type can't be read from this format",
        "CSV holds no lists, structs and maps; text formats hold no type that the detail names.",
        "Read the column from Parquet or JSON Lines, or declare it as string.",
    ),
    Code(
        "F113",
        "partition in a path can't be read",
        "A folder `column=value` of the path names a declared column, but twice, or with a value that isn't of the "
        "declared type.",
        "Rename the folder, or correct the declared type.",
    ),
    Code(
        "F114",
        "text can't be written in the encoding",
        "A value holds a character that the destination's CSV encoding doesn't have. It isn't replaced by a question "
        "mark, and it isn't shown.",
        "Use encoding: utf-8, or leave the column out.",
    ),
    Code(
        "F115",
        "row would be an empty line",
        "A CSV file of one column can't hold a null that is written as nothing: readers skip empty lines, and a row "
        "would be lost.",
        "Set `nullValue` in the destination's format, or filter with `IS NOT NULL`.",
    ),
    Code(
        "F116",
        "source changed while it was read",
        "A pinned file is gone or isn't what it was when the run began. What was read is discarded.",
        "Run again. If it happens often, set a longer incremental.settle, or have the writer add files instead of "
        "rewriting them.",
    ),
    Code(
        "F117",
        "dataset is smaller than it must be",
        "The dataset holds fewer rows than `minRows`. A source that is empty or too small fails closed. Files younger than `settle` wait, and aren't counted.",
        "Look at what writes the dataset; lower `minRows` only if this is right.",
    ),
    Code(
        "F118",
        "a file that was exported is gone",
        "Under the `files` strategy what is new is what wasn't there before. A file that vanished means that the data was rewritten, so "
        "that the files still there may repeat rows that have left already. Nothing was exported.",
        "Put the file back, or start over with everything (reconcile export FLOW --full).",
    ),
    Code(
        "F119",
        "a file that was exported has changed",
        "Under the `files` strategy a file is exported once. One that was rewritten holds rows that have left and rows that haven't, and "
        "the strategy can't tell them apart. Nothing was exported.",
        "Write new data to new files, or start over with everything (reconcile export FLOW --full).",
    ),
    Code(
        "F123",
        "not one format",
        "A dataset's files are all Parquet, all CSV or all JSON Lines, told apart by their names. These aren't.",
        "Name a folder that holds one format, or move the other files away; names that begin with _ or . are skipped.",
    ),
    Code(
        "F120",
        "suppression list is stale",
        "The newest file of a suppression's list is older than its `maxAge`. People who opted out since might leave, so nothing did.",
        "Find out why the list isn't refreshed. Change `maxAge` only if the age is right.",
    ),
    Code(
        "F121",
        "suppression list can't be relied on",
        "A suppression's list is missing, empty, unreadable, smaller than its `minRows`, or too large to be looked up in memory. "
        "Without it people who must not be exported might leave, so nothing did.",
        "Restore the list. Change `minRows` only if the size is right.",
    ),
    Code(
        "F124",
        "the dataset is still being written",
        "Strategy `diff` compares everything that is there with what the recipient has. A file younger than `settle` may be half of what it "
        "will be, and without it its people would seem to have left. Nothing was exported.",
        "Nothing to do: the next run tries again. Write files under other names and rename them, or write a smaller `settle`.",
    ),
    Code(
        "F125",
        "the dataset is empty",
        "Strategy `diff` found no data file where there were some: that everybody left isn't taken from a place that may not have been "
        "filled yet. Nothing was exported.",
        "Put the data back. If all are to leave indeed, leave one file without rows and write `minRows: 0`.",
    ),
    Code(
        "F126",
        "no room to compare",
        "Strategy `diff` lays digests aside in the folder for temporary files while it compares, and couldn't. Nothing was exported.",
        "Make room there, or name another folder in the environment variable TMPDIR.",
    ),
    Code(
        "F122",
        "first line isn't a header",
        "A name in the first line of a CSV file has the form of an e-mail address, a number or a date: the file seems to have no header, "
        "so that the line is about somebody. Nothing of it is repeated or written down.",
        "Write the columns' names as the first line of every file.",
    ),
    Code(
        "F131",
        "table can't be read by this version",
        "The table uses something that this version doesn't read: deletion vectors, columns mapped to other names, files outside of the "
        "table's folder, or a feature of a newer format. Reading on regardless might export rows that are deleted, or the wrong columns.",
        "Do what the detail says, or read the table through what writes it and export that.",
    ),
    Code(
        "F132",
        "rows of the table were changed or deleted",
        "Under the `files` strategy what is new is what was appended. A delete, an update, a merge or an overwrite since the last export "
        "rewrites files, and the strategy can't tell which of their rows had left. Nothing was exported. Compaction is fine.",
        "Start over with everything (reconcile export FLOW --full), write by appending alone, use strategy `diff`, which tells who was changed and removed, or `mode: full`.",
    ),
    Code(
        "F133",
        "table doesn't tell what is new any more",
        "Vacuum, the expiry of snapshots or the clean-up of the log removed what says, or holds, the rows since the last export. Nothing "
        "was exported.",
        "Keep history for longer than the time between two exports, and start over with everything (reconcile export FLOW --full).",
    ),
    Code(
        "F134",
        "another table than the one read before",
        "The table at the location has another identity, or an older version, than when the flow last read it: it was made anew. "
        "Nothing was exported.",
        "Start over with everything (reconcile export FLOW --full) if the new table is meant.",
    ),
    Code(
        "F135",
        "a table, declared as plain files",
        "The location is a table's folder. It holds files that the table's metadata doesn't count any more, whose rows were deleted or "
        "written again elsewhere. Reading every file would export them.",
        "Declare the table's format, or export the rows to a folder of plain files.",
    ),
    Code(
        "F136",
        "columns aren't those that were agreed",
        "The dataset says `contract: freeze`, and the data has a column, or a type of a column, that neither is declared nor was there at "
        "the flow's last export. Nothing was exported.",
        "Declare the columns as they are now, or write `contract: evolve`, and apply. Or have the writer keep to what was agreed.",
    ),
)
