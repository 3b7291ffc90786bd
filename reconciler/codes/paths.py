"""P1xx: files and folders; T1xx: name templates; S1xx: secrets."""

from __future__ import annotations

from reconciler.codes.base import Code

PATH_CODES = (
    Code(
        "P101",
        "path leads out of its folder",
        "Relative paths are read from the project directory and stay inside it; paths in a bucket or destination never contain '..'. "
        "Symbolic links count as where they lead.",
        "Write a path inside the folder, or an absolute path where one is allowed (local datasets, destinations and ledgers).",
    ),
    Code(
        "P102",
        "destinations overlap",
        "Two destinations write to the same folder, or one into the other's. Local folders whose names differ in case or Unicode composition alone count as the same, since some file systems take them for one.",
        "Give each destination a folder of its own.",
    ),
    Code(
        "P103",
        "ledger and destination overlap",
        "The ledger's folder and a destination's lie in one another.",
        "Move one of them.",
    ),
    Code(
        "P104",
        "dataset and destination overlap",
        "A dataset's folder and a destination's lie in one another: exports would be read as input.",
        "Move one of them.",
    ),
    Code(
        "P105",
        "symbolic link out of the project",
        "A link in the project directory leads out of it. It isn't followed.",
        "Replace the link by a file, or leave it out with Project.spec.exclude.",
    ),
    Code(
        "P106",
        "not a regular file",
        "A name that ends in .yaml or .yml is a pipe, a device or a socket. It isn't opened.",
        "Remove it.",
    ),
    Code(
        "P107",
        "file can't be read",
        "The operating system refused to read the file.",
        "Give the user that runs this the right to read it.",
    ),
    Code(
        "P108",
        "project too large",
        "All configuration files together may hold 16 MiB, in at most 20,000 files.",
        "Leave what isn't configuration out with Project.spec.exclude, or start in the right directory.",
    ),
    Code(
        "P109",
        "no project here",
        "Neither here nor in a parent directory is a Project document or a reconcile.yaml.",
        "Change to the project's directory, name it with -C DIR, or start one with `reconcile init`.",
    ),
    Code(
        "P110",
        "revision can't be read",
        "The git revision isn't one, or git can't read it.",
        "Name a commit, a branch or a tag of the repository that holds the project.",
    ),
    Code(
        "P112",
        "file name can't be shown",
        "The name of a configuration file, or of a folder on the way to it, isn't UTF-8, or holds a control or an invisible character. "
        "Nobody could see in a review or a message which file is meant, so it isn't read.",
        "Rename it, or leave it out with Project.spec.exclude.",
    ),
    Code(
        "P111",
        "ledger and dataset overlap",
        "The ledger's folder and a dataset's lie in one another.",
        "Move one of them.",
    ),
)

TEMPLATE_CODES = (
    Code(
        "T101",
        "unknown macro in a template",
        "Templates know {destination} {source} {source_id} {slot:FORMAT} {run_id} {part} {ext} and nothing else: no attributes, no indexes, no conversions.",
        "Use one of these macros. A brace that is meant as text can't be written.",
    ),
    Code(
        "T102",
        "template is malformed",
        "Every { needs its }, and macros don't nest.",
        "Close the brace, or remove it.",
    ),
    Code(
        "T103",
        "time format in a template isn't supported",
        "{slot:FORMAT} takes %Y %m %d %H %M %j %y and the characters - _ . : / between them. Times are UTC.",
        "Use these only, such as {slot:%Y%m%d%H%M}.",
    ),
    Code(
        "T104",
        "template lets two exports collide",
        "Two flows or two runs could write the same name. {run_id} belongs into the folder or the name, {source} or {source_id} into the "
        "folder or the name, {part} and {ext} into the name.",
        "Add the macro that is missing.",
    ),
    Code(
        "T105",
        "template leads out of the destination",
        "A folder is relative and has no '..', '.' or empty segment, a name has no '/'; neither begins with '_' or '.', which readers skip.",
        "Write a plain relative path.",
    ),
)

SECRET_CODES = (
    Code(
        "S101",
        "literal where a secret belongs",
        "Secrets never stand in the configuration. They are named, and resolved when they are used. The value isn't repeated here.",
        "Write {fromEnv: NAME}, {fromFile: PATH} or {fromAwsSecret: ARN, key: KEY}. What stood here is in git's history: revoke it.",
    ),
    Code(
        "S102",
        "text looks like a key",
        "The text has the form of an access key or a private key. The value isn't repeated here, and its line isn't shown.",
        "Refer to it as a secret, and revoke it: it is in git's history.",
    ),
)
