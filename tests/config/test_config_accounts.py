"""Accounts of the wrong type are refused where they are named, whoever names them."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.accounts.aws import AwsSession
from reconciler.accounts.sessions import Sessions
from reconciler.api.project import Project
from reconciler.config.invalid import NotValid
from reconciler.errors import AccountError
from reconciler.resources.resource import Account
from tests.config.support import document, loaded, marked

OTHER = document("Account", "drop", "{type: sftp, user: me, password: {fromEnv: PASSWORD}}")
NAMED = {
    "a destination": (
        document("Destination", "box", "{type: s3, account: drop, connection: {bucket: some-bucket}}"),
        "A destination of type s3",
    ),
    "a dataset": (
        document("Dataset", "people", "{location: s3://lake/people, account: drop, format: csv, columns: {id: {type: string}}}"),
        "A dataset in S3",
    ),
    "a ledger": (document("Project", "shop", "{ledger: {url: s3://lake/ledger, account: drop}}"), "A ledger in S3"),
}  # fmt: skip


@pytest.mark.parametrize("who", NAMED)
def test_an_account_of_another_type(who: str, tmp_path: Path) -> None:
    naming, what = NAMED[who]
    text = f"{naming}---\n{OTHER}"
    (finding,) = loaded(tmp_path, text).diagnostics
    assert finding.code == "R141"
    assert marked(text, finding) == "drop"
    assert finding.detail == (
        f"{what} signs in with an account of type aws, and Account drop (all.yaml:5) is of type sftp. "
        "Name another one, or declare one."
    )


def test_of_a_ledger_also_where_nothing_else_is_read(tmp_path: Path) -> None:
    """`run` and `status` read what names the ledger alone."""
    loaded(tmp_path, f"{NAMED['a ledger'][0]}---\n{OTHER}")
    with pytest.raises(NotValid) as caught:
        Project.open(tmp_path).ledger()
    assert [each.code for each in caught.value.diagnostics] == ["R141"]


def test_what_the_ledger_was_made_to_say_is_refused_when_it_is_used(tmp_path: Path) -> None:
    account = Account.model_validate(
        {
            "apiVersion": "reconciler/v1",
            "kind": "Account",
            "metadata": {"name": "drop"},
            "spec": {"type": "sftp", "user": "me", "password": {"fromEnv": "PASSWORD"}},
        }
    )
    for spec in (account.spec, None):
        with pytest.raises(AccountError) as caught:
            Sessions(tmp_path).of(spec, AwsSession)
        assert caught.value.code == "A140"
