"""A new project's files: YAML as a careful colleague would write it, with what to change next in comments."""

from __future__ import annotations

import json
import re
import textwrap
from typing import Final

from reconciler.datasets.infer_types import Column
from reconciler.starter.project import ACCOUNT, S3_SCHEME, Data, Starter, Target

_PLAIN: Final = re.compile(r"[A-Za-z_./][A-Za-z0-9_./-]*(:[A-Za-z0-9_./-]+)*")
_WORDS: Final = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
_WIDTH: Final = 118


def files(of: Starter) -> dict[str, str]:
    """Path below the project to text, in the order in which one would read them."""
    found = {"reconcile.yaml": _project(of)}
    if of.needs_account:
        found[f"accounts/{ACCOUNT}.yaml"] = _account(of)
    return found | {
        f"destinations/{of.target.name}.yaml": _destination(of.target),
        f"datasets/{of.data.name}.yaml": _dataset(of.data),
        f"audiences/{of.audience}.yaml": _audience(of),
        "schedules/nightly.yaml": _schedule(),
        "activations/nightly.yaml": _activation(of),
    }


def scalar(text: str) -> str:
    """A text as YAML, quoted unless it can't be taken for anything else, in blocks and in brackets."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS and set(text) != {"."}:
        return text
    return json.dumps(text, ensure_ascii=False)


def _document(kind: str, name: str, about: str, *lines: str) -> str:
    head = [*_comment(about), "apiVersion: reconciler/v1", f"kind: {kind}", f"metadata: {{name: {scalar(name)}}}"]
    return "\n".join([*head, *lines]) + "\n"


def _comment(text: str, indent: int = 0) -> list[str]:
    """Lines of at most 120 characters; a line of its own in the text stays one."""
    wide = _WIDTH - indent
    lines = [each for line in text.splitlines() for each in textwrap.wrap(line, wide, drop_whitespace=False) or [""]]
    return [f"{' ' * indent}# {line.rstrip() if line.startswith('  ') else line.strip()}".rstrip() for line in lines]


def _project(of: Starter) -> str:
    about = (
        "Everything that `reconcile` does here is declared in this folder; a resource may stand in any file.\n"
        "What is applied is remembered in the ledger, .reconcile/ledger unless declared otherwise. CI and teams share "
        "one: before the first apply, write"
    )
    shared = f"spec: {{ledger: {{url: s3://BUCKET/{of.name}, account: {ACCOUNT}}}}}"
    if not of.needs_account:
        shared += "   # and declare an Account of that name"
    return _document("Project", of.name, f"{about}\n  {shared}")


def _account(of: Starter) -> str:
    region = f"region: {scalar(of.region)}, " if of.region else ""
    about = (
        "How to authenticate with AWS: as whoever runs reconcile (environment variables, AWS_PROFILE, SSO, a role of "
        "the machine). Secrets never stand in these files. `auth` may name a profile, or a role to assume:\n"
        "  auth: {assumeRole: {roleArn: ARN, externalId: {fromEnv: NAME}}}"
    )
    return _document("Account", ACCOUNT, about, f"spec: {{type: aws, {region}auth: {{ambient: {{}}}}}}")


def _destination(of: Target) -> str:
    form = f"  format: {{type: {of.format}}}"
    if not of.location.startswith(S3_SCHEME):
        connection = f"  connection: {{path: {scalar(of.location)}}}"
        return _document("Destination", of.name, "Where to: a folder.", "spec:", "  type: local", connection, form)
    bucket, _, path = of.location.removeprefix(S3_SCHEME).partition("/")
    folder = [f"    path: {scalar(path.strip('/'))}"] if path.strip("/") else []
    options = (
        "Worth adding under connection: `expectedBucketOwner`, so that no other account's bucket is ever written to;\n"
        "`encryption: {type: sse-kms, keyId: alias/NAME}`. A third party is named under `recipient`.\n"
        f"`reconcile catalog --iam {of.name}` prints the IAM policy that this destination needs."
    )
    return _document(
        "Destination",
        of.name,
        f"Where to: a folder of a bucket.\n{options}",
        "spec:",
        "  type: s3",
        f"  account: {ACCOUNT}",
        "  connection:",
        f"    bucket: {scalar(bucket)}",
        *folder,
        form,
    )


def _dataset(of: Data) -> str:
    lines = ["spec:", f"  location: {scalar(of.location)}", f"  format: {of.format}"]
    if of.location.startswith(S3_SCHEME):
        lines.append(f"  account: {ACCOUNT}")
    if of.delimiter != ",":
        lines.append(f"  csv: {{delimiter: {json.dumps(of.delimiter)}}}")
    lines.append("  columns:")
    lines += [_column(each) for each in of.columns]
    for name, why in of.left_out.items():
        lines += _comment(f"Not declared: {ascii(name)[:80]}: {ascii(why)[1:-1]}.", 4)
    lines += _comment("Younger files wait: they may still be being written. New data comes in new files.", 2)
    lines.append(f"  incremental: {{strategy: files, settle: {of.settle}}}")
    lines += _comment("A source with fewer rows stops an export instead of being taken for the truth.", 2)
    lines.append("  minRows: 1")
    return _document("Dataset", of.name, of.about, *lines)


def _column(of: Column) -> str:
    optional = ", optional: true" if of.optional else ""
    guessed = "   # a guess: no value was seen" if of.guessed else ""
    return f"    {scalar(of.name)}: {{type: {scalar(str(of.type))}{optional}}}{guessed}"


def _audience(of: Starter) -> str:
    about = "Who: a SQL condition over the dataset's columns."
    if of.where == "TRUE":
        about += " TRUE is everybody; narrow it, e.g. to country = 'US' AND score >= 0.7"
    spec = f"spec: {{dataType: prospects, dataset: {of.data.name}, where: {json.dumps(of.where)}}}"
    return _document("Audience", of.audience, about, spec)


def _schedule() -> str:
    spec = 'spec: {frequency: daily, time: "02:00"}'
    return _document("Schedule", "nightly", "When: UTC, unless `timezone` names another zone.", spec)


def _activation(of: Starter) -> str:
    about = "What goes where, and when: everything at first, then what is new."
    columns = [
        f"    - {scalar(name)}" if name == alias else f"    - {{column: {scalar(name)}, as: {scalar(alias)}}}"
        for name, alias in of.leaves
    ]
    return _document(
        "Activation",
        "nightly",
        about,
        "spec:",
        f"  destination: {of.target.name}",
        "  schedule: nightly",
        f"  audiences: [{of.audience}]",
        *_comment("What leaves, in this order. Delete the lines that needn't.", 2),
        "  columns:",
        *columns,
    )
