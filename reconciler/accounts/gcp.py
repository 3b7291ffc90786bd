"""Sessions with Google Cloud: a client of Cloud Storage."""

from __future__ import annotations

import json
import threading
from typing import Any, ClassVar, Final

import google.auth
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request
from google.cloud import storage
from google.oauth2 import service_account

from reconciler.accounts.masked_logs import mask_urls
from reconciler.accounts.secrets import SecretSource
from reconciler.errors import AccountError
from reconciler.resources.accounts.base import AccountSpec
from reconciler.resources.accounts.gcp import GcpAccountSpec
from reconciler.resources.secrets import SecretRef

_SCOPES: Final = ("https://www.googleapis.com/auth/devstorage.read_write",)


class GcpSession:
    """One account's access. Threads may share it; its tokens renew themselves. Methods raise `AccountError`; the clients' own calls raise
    google's errors, and nothing that they log holds what continues an upload."""

    signs_in_with: ClassVar[type[AccountSpec]] = GcpAccountSpec

    def __init__(self, spec: GcpAccountSpec, secrets: SecretSource) -> None:
        self._spec = spec
        self._secrets = secrets
        self._lock = threading.RLock()
        self._client: Any = None
        mask_urls()

    def bucket(self, name: str) -> Any:
        """A `google.cloud.storage.Bucket`, which isn't asked for; requests are paid by `billingProject` if there is one."""
        with self._lock:
            if self._client is None:
                self._client = self._new_client()
            return self._client.bucket(name, user_project=self._spec.billing_project)

    def sign_in(self) -> str:
        """See `SignsIn`."""
        found = self._credentials()
        try:
            found.refresh(Request())
        except GoogleAuthError as error:
            raise no_credentials() from error
        return "got a token"

    def _new_client(self) -> Any:
        endpoint = self._spec.endpoints.storage
        return storage.Client(
            project=self._spec.billing_project or "none",  # only for requests about projects, which aren't made
            credentials=self._credentials(),
            client_options={"api_endpoint": endpoint.rstrip("/")} if endpoint else None,
        )

    def _credentials(self) -> Any:
        reference = self._spec.auth.service_account
        if reference is not None:
            return self._key(reference)
        try:
            found, _ = google.auth.default(scopes=_SCOPES)
        except GoogleAuthError as error:
            raise no_credentials() from error
        return found

    def _key(self, reference: SecretRef) -> Any:
        """Only a service account's own key: other kinds of credential files can name programs to run."""
        text = self._secrets.resolve(reference).reveal()
        try:
            info = json.loads(text)
            if info["type"] == "service_account":
                made: Any = service_account.Credentials.from_service_account_info  # untyped
                return made(info, scopes=_SCOPES)
        except (ValueError, KeyError, TypeError, GoogleAuthError):
            pass  # what they say may hold parts of the key
        raise AccountError(
            "A163",
            "a service account's key can't be used",
            "What was found isn't the JSON key of a service account. Make a key in the console, as JSON, and put the whole file where the "
            "Account's reference leads.",
        )


def no_credentials() -> AccountError:
    """Nothing was found, or what was found is refused."""
    return AccountError(
        "A162",
        "no usable Google credentials",
        "No Google credentials were found in the environment or the machine's service account, or Google refused them. Sign in (`gcloud "
        "auth application-default login`), give the process a service account, or correct `auth` in the Account.",
    )
