"""References to accounts: declared, and of a type that fits what signs in with them."""

from __future__ import annotations

from reconciler.config.index import Entry, Index
from reconciler.config.parse import Path
from reconciler.resources.accounts.base import AccountSpec
from reconciler.resources.resource import Account


def account_of(
    index: Index, entry: Entry, name: str | None, types: tuple[str, ...], what: str, path: Path = ("spec", "account")
) -> AccountSpec | None:
    """The account that a resource names at a path. None where it names none, or with a finding: R101 not declared, R141 of another type.

    `types`: those that fit. `what`: what signs in with it, to begin a sentence.
    """
    if name is None:
        return None
    account = index.resolve(Account, name, entry, path)
    if account is None:
        return None
    if account.spec.type not in types:
        other = index.entry(account).place
        detail = (
            f"{what} signs in with an account of type {' or '.join(types)}, and Account {name} ({other}) is of type "
            f"{account.spec.type}. Name another one, or declare one."
        )
        index.report("R141", entry, path, detail)
        return None
    return account.spec
