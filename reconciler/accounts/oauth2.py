"""Access tokens of `oauth2` accounts: got with the refresh token of whoever logged in, or with the client's own credentials. authlib loads
with the first."""

from __future__ import annotations

import fcntl
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from reconciler.accounts.errors import account_failure
from reconciler.accounts.secrets import Secret, SecretSource
from reconciler.errors import AccountError, MissingExtra
from reconciler.own_file import own_file
from reconciler.resources.accounts.base import AccountSpec
from reconciler.resources.accounts.oauth2 import Oauth2AccountSpec
from reconciler.resources.secrets import FromFile, SecretRef

if TYPE_CHECKING:
    from authlib.integrations.requests_client import OAuth2Session

_TIMEOUT: Final = 8.0
"""Seconds that one request may take: less than an alert may."""
_EARLY: Final = 30.0
"""Seconds before its end in which a token isn't used any more."""
_SHORT: Final = 60.0
"""Seconds for which a token serves whose server doesn't say."""
_CODE: Final = re.compile(r"[a-z0-9_]{1,64}")


class BearerSession:
    """One account's access tokens. Threads may share it. A refresh token that the server rotates is saved before the new one is used."""

    signs_in_with: ClassVar[type[AccountSpec]] = Oauth2AccountSpec

    def __init__(self, spec: Oauth2AccountSpec, secrets: SecretSource) -> None:
        self._spec = spec
        self._secrets = secrets
        self._lock = threading.Lock()
        self._known: tuple[float, Secret] | None = None

    def sign_in(self) -> str:
        """See `SignsIn`."""
        self.bearer()
        return "got a token"

    def bearer(self) -> Secret:
        """An access token that is good for a while. Raises `AccountError` A101, A102, A170 to A173, `MissingExtra`."""
        with self._lock:
            if self._known is None or time.monotonic() >= self._known[0]:
                found = self._refreshed(self._spec.refresh_token) if self._spec.refresh_token else self._own()
                lasts = found.get("expires_in")
                seconds = float(lasts) - _EARLY if isinstance(lasts, int) else _SHORT
                self._known = time.monotonic() + seconds, Secret(found["access_token"])
            return self._known[1]

    def _own(self) -> Mapping[str, Any]:
        scope = {"scope": " ".join(self._spec.scopes)} if self._spec.scopes else {}
        with client(self._spec, self._secrets) as asked:
            return token(lambda: asked.fetch_token(self._spec.token_url, grant_type="client_credentials", **scope))

    def _refreshed(self, ref: SecretRef) -> Mapping[str, Any]:
        # Who uses a rotated token a second time loses the login: runners on one machine wait for each other.
        with _alone(self._secrets, ref), client(self._spec, self._secrets) as asked:
            used = login(self._secrets, ref).reveal().strip()
            found = token(lambda: asked.refresh_token(self._spec.token_url, refresh_token=used))
            rotated = found.get("refresh_token")
            if isinstance(rotated, str) and rotated != used:
                keep(self._secrets, ref, rotated)
        return found


@contextmanager
def client(spec: Oauth2AccountSpec, secrets: SecretSource, redirect: str | None = None) -> Iterator[OAuth2Session]:
    """authlib's client of an account, which follows no redirection: it could lead anywhere, secrets included. Raises `MissingExtra`,
    `AccountError`."""
    try:
        from authlib.integrations.requests_client import OAuth2Session
    except ImportError as error:
        raise MissingExtra("oauth", "an account of type oauth2") from error
    how = f"client_secret_{spec.client_authentication}" if spec.client_secret else "none"
    made = OAuth2Session(
        spec.client_id,
        secrets.resolve(spec.client_secret).reveal() if spec.client_secret else None,
        token_endpoint_auth_method=how,
        scope=" ".join(spec.scopes) or None,
        redirect_uri=redirect,
        code_challenge_method="S256",
        default_timeout=_TIMEOUT,
    )
    made.max_redirects = 0
    with made:
        yield made


def token(ask: Callable[[], Any]) -> Mapping[str, Any]:
    """What the token endpoint gave. Raises `AccountError` that holds nothing of it but an error's code."""
    failed: AccountError | None = None
    found: Any = None
    from authlib.integrations.base_client import OAuthError
    from requests import HTTPError, RequestException

    try:
        found = ask()
    except OAuthError as error:
        failed = _refused(str(error.error))
    except HTTPError as error:
        status = error.response.status_code if error.response is not None else "an error"
        failed = account_failure("A173", f"The token endpoint answered {status}. Run again when it can be reached.")
    except ValueError:  # JSON's errors carry the answer along
        failed = account_failure("A170", "The token endpoint's answer isn't JSON. Correct tokenUrl in the Account.")
    except RequestException as error:
        failed = account_failure(
            "A173",
            f"The token endpoint can't be used: {type(error).__name__}. Check tokenUrl in the Account and the network.",
        )
    if failed is not None:
        raise failed
    if not isinstance(found, dict) or not isinstance(found.get("access_token"), str):
        raise account_failure(
            "A170", "The token endpoint's answer holds no access token. Correct tokenUrl in the Account."
        )
    return found


def login(secrets: SecretSource, ref: SecretRef) -> Secret:
    """The refresh token. Raises `AccountError` A101, A102."""
    if isinstance(ref, FromFile) and not (secrets.root / ref.from_file).exists():
        detail = f"The file {ref.from_file} isn't there: nobody has logged in yet. Log in: reconcile account login NAME"
        raise account_failure("A101", detail)
    return secrets.resolve(ref)


def keep(secrets: SecretSource, ref: SecretRef, refresh_token: str) -> Path:
    """Writes a refresh token where the account says it is: a file for its owner alone. Raises `AccountError` A172."""
    if not isinstance(ref, FromFile):
        raise account_failure(
            "A172",
            "The authorization server rotates refresh tokens, and refreshToken isn't a file. Write {fromFile: PATH}, and log in "
            "again.",
        )
    path = secrets.root / ref.from_file
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with own_file(path) as file:
            file.write(f"{refresh_token}\n".encode())
    except OSError as error:
        raise account_failure("A172", f"{path}: {error.strerror}. Make it writable, and log in again.") from error
    return path


@contextmanager
def _alone(secrets: SecretSource, ref: SecretRef) -> Iterator[None]:
    """Nobody else on this machine renews this login meanwhile. Where no lock can be made, nothing can be saved either."""
    if not isinstance(ref, FromFile):
        yield
        return
    path = secrets.root / ref.from_file
    try:
        held = os.open(
            path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
    except OSError:
        yield
        return
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def said(code: str) -> str:
    """An error's code as servers send it; anything else might be anything."""
    return code if _CODE.fullmatch(code) else "an error"


def _refused(code: str) -> AccountError:
    if code == "invalid_grant":
        return account_failure(
            "A171",
            "The authorization server answered invalid_grant: the login has ended. Log in again: reconcile account login NAME",
        )
    return account_failure(
        "A170", f"The authorization server answered {said(code)}. Correct the Account, or its client there."
    )
