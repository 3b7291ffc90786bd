"""What is wrong with a resource by itself, beyond its schema: keys that exclude each other, templates, ranges."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from reconciler.config.alerts import IN_THE_CLEAR, in_the_clear
from reconciler.config.index import Entry, Index
from reconciler.config.locations import resolve
from reconciler.config.parse import Path
from reconciler.resources.accounts.base import AccountSpec
from reconciler.resources.accounts.oauth2 import Oauth2AccountSpec
from reconciler.resources.dataset import CatalogLocation
from reconciler.resources.formats import Files
from reconciler.resources.project import LedgerSpec
from reconciler.resources.resource import (
    Account,
    Activation,
    Audience,
    Dataset,
    Destination,
    Project,
)
from reconciler.resources.secrets import FromFile, references
from reconciler.resources.template import (
    TemplateError,
    check_folder,
    check_name,
    check_pair,
    parse_template,
)


def check_rules(index: Index) -> None:
    """Reports all of it."""
    _one_project(index)
    for entry, account in index.all(Account):
        _account(index, entry, account.spec)
    for entry, destination in index.all(Destination):
        _secret_files(index, entry, destination.spec.connection, ("spec", "connection"))
        if (pgp := destination.spec.encryption) is not None:  # recipients are files of the project: see encryption.py
            _secret_files(index, entry, pgp.sign, ("spec", "encryption", "sign"))
            _secret_files(index, entry, pgp.sign_passphrase, ("spec", "encryption", "signPassphrase"))
        _templates(index, entry, destination.spec.files)
        _kept(index, entry, destination.spec.files, destination)
    for entry, dataset in index.all(Dataset):
        if dataset.spec.csv is not None and dataset.spec.format != "csv":
            detail = f"csv says how CSV files are read, and this dataset's format is {dataset.spec.format}. Remove one."
            index.report("C109", entry, ("spec", "csv"), detail, key=True)
        remote = dataset.spec.remote
        if remote and dataset.spec.account is None:
            index.report(
                "R120", entry, ("spec", "location"), "Name the account that reads from S3: add account to spec."
            )
        if isinstance(dataset.spec.location, CatalogLocation) and dataset.spec.format != "iceberg":
            detail = (
                f"A catalogue's table is read with format: iceberg, and this dataset's format is {dataset.spec.format}."
            )
            index.report("C109", entry, ("spec", "format"), detail)
        if not remote and dataset.spec.account is not None:
            index.report("R120", entry, ("spec", "account"), "A local path is read without an account. Remove it.")
    for entry, activation in index.all(Activation):
        _guards(index, entry, activation)
        to = index.get(Destination, activation.spec.destination)
        if to is not None:
            own = activation.spec.files
            files = own.over(to.spec.files) if own is not None else to.spec.files
            if own is not None:
                _templates(index, entry, files)
                _kept(index, entry, files, to)
            if files.replace and activation.spec.mode != "full":
                detail = "files.replace keeps the newest export alone, so that an increment would be all that is left. Write mode: full."
                index.report("C109", entry, ("spec", "mode"), detail, key=True)
            if activation.spec.on_remove == "purge" and not to.spec.deletes:
                detail = f"Destination {to.metadata.name} can only be written to, so that nothing there is deleted. Write onRemove: keep."
                index.report("C109", entry, ("spec", "onRemove"), detail, key=True)
    _renames(index)
    _labelled(index)


def _labelled(index: Index) -> None:
    """What the project wants every destination, audience and activation to say of itself."""
    required = next((project.spec.required_labels for _, project in index.all(Project)), ())
    if not required:
        return
    for kind in (Destination, Audience, Activation):
        for entry, resource in index.all(kind):
            missing = [key for key in required if key not in resource.metadata.labels]
            if missing:
                path: Path = ("metadata", "labels") if resource.metadata.labels else ("metadata",)
                detail = (
                    f"The Project requires {' and '.join(missing)} among its labels. Add metadata.labels.{missing[0]}."
                )
                index.report("R127", entry, path, detail, key=True)


def _one_project(index: Index) -> None:
    first: Entry | None = None
    for entry, project in index.all(Project):
        if first is not None:
            index.report(
                "R103", entry, ("metadata", "name"), f"A Project is already declared in {first.place}. Keep one."
            )
        first = first or entry
        _ledger(index, entry, project.spec.ledger)


def _ledger(index: Index, entry: Entry, ledger: LedgerSpec) -> None:
    if ledger.is_remote:
        return
    path: Path = ("spec", "ledger")
    if ledger.account is not None:
        index.report("R120", entry, (*path, "account"), "A ledger in a folder needs no account. Remove it.")
    remote = {
        "region": ledger.region,
        "expectedBucketOwner": ledger.expected_bucket_owner,
        "encryption": ledger.encryption,
        "endpoint": ledger.endpoint,
    }
    for key, value in remote.items():
        if value is not None:
            detail = f"{key} is for a ledger in S3, and this one is in a folder. Remove it, or write an s3:// url."
            index.report("C109", entry, (*path, key), detail, key=True)


def _account(index: Index, entry: Entry, account: AccountSpec) -> None:
    for path, detail in account.problems():
        index.report("C109", entry, ("spec", *path), detail, key=True)
    _secret_files(index, entry, account, ("spec",))
    if isinstance(account, Oauth2AccountSpec):
        for key, url in (("tokenUrl", account.token_url), ("authorizationUrl", account.authorization_url)):
            if url is not None and in_the_clear(url):
                index.report("R185", entry, ("spec", key), IN_THE_CLEAR)


def _secret_files(index: Index, entry: Entry, of: object, path: Path) -> None:
    """Relative paths of secrets' files stay in the project."""
    for found, ref in references(of, path):
        if isinstance(ref, FromFile) and not ref.from_file.startswith("/"):
            try:
                resolve(ref.from_file, None)
            except ValueError as error:
                index.report("P101", entry, (*found, "fromFile"), str(error))


def _kept(index: Index, entry: Entry, files: Files, destination: Destination) -> None:
    """What takes away what was exported earlier needs a destination where that can be done."""
    path: Path = ("spec", "files", "replace" if files.replace else "retain")
    if (files.replace or files.retain) and not destination.spec.deletes:
        detail = f"Destination {destination.metadata.name} can only be written to, so that nothing there is replaced or deleted."
        index.report("C109", entry, path, detail, key=True)
    if not files.replace:
        return
    if files.retain is not None:
        detail = "Under replace the newest export alone is kept, so that retain has nothing to say. Remove one."
        index.report("C109", entry, ("spec", "files", "retain"), detail, key=True)
    if "when_empty" in files.model_fields_set and files.when_empty != "file":
        detail = (
            f"Under replace an export without rows is an empty file, and whenEmpty says {files.when_empty}. Remove one."
        )
        index.report("C109", entry, path, detail, key=True)
    if "single" in files.model_fields_set and not files.single:
        index.report(
            "C109", entry, path, "Under replace there is one file, and single says false. Remove one.", key=True
        )


def _templates(index: Index, entry: Entry, files: Files) -> None:
    parsed = []
    fixed = bool(files.replace)
    checks = (
        ("folder", files.folder, check_folder),
        ("name", files.name, partial(check_name, fixed=fixed)),
    )
    for key, text, check in checks:
        try:
            template = parse_template(text)
            check(template)
            parsed.append(template)
        except TemplateError as error:
            index.report(error.code, entry, ("spec", "files", key), str(error))
    if len(parsed) == 2:
        try:
            check_pair(*parsed, fixed=fixed)
        except TemplateError as error:
            index.report(error.code, entry, ("spec", "files"), str(error), key=True)


def _guards(index: Index, entry: Entry, activation: Activation) -> None:
    guards = activation.spec.guards
    for name, guard in (("audience", guards.audience), ("export", guards.export)):
        if guard.min_rows is not None and guard.max_rows is not None and guard.min_rows > guard.max_rows:
            detail = f"minRows is greater than maxRows, so the {name} guard would stop every run. Correct one of them."
            index.report("C110", entry, ("spec", "guards", name, "minRows"), detail)


def _renames(index: Index) -> None:
    _renamed(index, Destination, index.all(Destination))
    _renamed(index, Dataset, index.all(Dataset))
    _renamed(index, Audience, index.all(Audience))


def _renamed(
    index: Index,
    kind: type[Destination | Dataset | Audience],
    entries: Iterable[tuple[Entry, Destination | Dataset | Audience]],
) -> None:
    claimed: dict[str, Entry] = {}
    for entry, resource in entries:
        old = resource.metadata.renamed_from
        if old is None:
            continue
        path: Path = ("metadata", "renamedFrom")
        taken = index.entries.get((kind.__name__, old))
        if taken is not None:
            detail = f"{kind.__name__} {old} still exists ({taken.place}). Remove renamedFrom here, or that resource."
            index.report("R112", entry, path, detail)
        elif old in claimed:
            other = claimed[old]
            detail = f"{kind.__name__} {other.name} ({other.place}) already says it was renamed from {old}."
            index.report("R112", entry, path, detail)
        claimed.setdefault(old, entry)
