"""What goes wrong on the way to AWS credentials, said so that a person can mend it. Never with a key in it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from reconciler.accounts.errors import account_failure
from reconciler.errors import AccountError
from reconciler.resources.accounts.aws import AwsAuth


@contextlib.contextmanager
def said_plainly(auth: AwsAuth) -> Iterator[None]:
    """Turns botocore's errors into `AccountError`."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise _refused(auth, error.response.get("Error", {}).get("Code", "")) from error
    except BotoCoreError as error:
        raise plain_error(error) from error


def plain_error(error: Exception) -> AccountError:
    """The `AccountError` for a botocore error that isn't the service's answer."""
    from botocore import exceptions as boto

    match error:
        case boto.ProfileNotFound():
            return account_failure(
                "A103",
                f"{error}. Declare it in the AWS configuration of whoever runs reconcile, or correct `profile` in "
                "the Account.",
            )
        case boto.NoCredentialsError() | boto.PartialCredentialsError():
            return no_credentials()
        case boto.HTTPClientError() | boto.ConnectionError():
            return account_failure("A106", f"{error}. Run again when it can be.")
        case _:
            return account_failure("A104", f"{error}. Sign in again, or correct `auth` in the Account.")


def no_credentials() -> AccountError:
    """Nothing was found where AWS clients look."""
    return account_failure(
        "A104",
        "No AWS credentials were found in the environment, the configuration files, or the instance's or pod's role. "
        "Sign in (`aws sso login`), give the process a role, or declare `auth` in the Account.",
    )


def _refused(auth: AwsAuth, code: str) -> AccountError:
    role = auth.assume_role
    if role is None:
        return account_failure("A104", f"AWS answered {code}. Sign in again, or correct `auth` in the Account.")
    external = "with the external id that the Account names" if role.external_id else "without an external id"
    return account_failure(
        "A105",
        f"{role.role_arn}: AWS answered {code} to assuming it {external}. Its trust policy must allow these "
        "credentials to "
        "sts:AssumeRole, and name the same external id if it names one; the credentials that assume it must be valid "
        "and allowed to.",
    )
