"""CloudEvents 1.0 over HTTP, binary or structured; signed as Standard Webhooks say where a secret is declared.

Redirections aren't followed: they could lead anywhere, with the token that was meant for the endpoint.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any, Final, Never

from reconciler.accounts.secrets import Secret
from reconciler.alerts.base import TIMEOUT, AlertError, Message, failure
from reconciler.alerts.bounded import bounded
from reconciler.errors import MissingExtra
from reconciler.resources.alert import CloudEventsChannelSpec
from reconciler.resources.secrets import SecretRef

if TYPE_CHECKING:
    from cloudevents.core.v1.event import CloudEvent

TYPE_PREFIX: Final = "reconciler.alert."
_PREFIXED: Final = "whsec_"
_NOTHING: Final = Message("check", "check", "check", "check", datetime.fromtimestamp(0, UTC), "info", "", "", {})


def event_of(message: Message) -> CloudEvent:
    """A message as CloudEvent. Raises `MissingExtra`."""
    try:
        from cloudevents.core.v1.event import CloudEvent
    except ImportError as error:
        raise MissingExtra("alerts", "sending alerts as CloudEvents") from error
    attributes: dict[str, Any] = {
        "id": message.id,
        "source": message.source,
        "type": TYPE_PREFIX + message.event,
        "subject": message.subject,
        "time": message.at,
        "datacontenttype": "application/json",
    }
    return CloudEvent(attributes, {"title": message.title, "text": message.body, **message.data})


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """`webhook-signature` of Standard Webhooks: `v1,` and the base64 of the HMAC-SHA256 over id, time and body. A secret that begins with
    `whsec_` is base64, as theirs are; any other is taken as it is. Raises `AlertError` N102."""
    key = secret.encode()
    if secret.startswith(_PREFIXED):
        try:
            key = base64.b64decode(secret.removeprefix(_PREFIXED), validate=True)
        except binascii.Error:
            raise failure(
                "N102", f"The secret under hmac begins with {_PREFIXED}, and what follows isn't base64."
            ) from None
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, request: urllib.request.Request, file: IO[bytes], code: int, reason: str, headers: Any, url: str
    ) -> Never:
        raise failure("N103", f"The endpoint answered {code}, a redirection.")


@dataclass(frozen=True, slots=True)
class CloudEventsChannel:
    """One endpoint. Implements `Channel`."""

    spec: CloudEventsChannelSpec
    resolve: Callable[[SecretRef], Secret]
    token: Callable[[], Secret] | None = None

    def send(self, message: Message) -> None:
        """See `Channel`. Anything but 2xx is a refusal."""
        event = event_of(message)
        from cloudevents.core.bindings.http import to_binary_event, to_structured_event

        made = to_binary_event(event) if self.spec.mode == "binary" else to_structured_event(event)
        headers = dict(made.headers) | self._proof(message, made.body)
        request = urllib.request.Request(self.spec.url, data=made.body, headers=headers, method="POST")
        bounded(lambda: _post(request), TIMEOUT)

    def check(self) -> str:
        """See `Channel`. Asks as CloudEvents' HTTP webhooks do before anything is sent, with the token where there is one."""
        event_of(_NOTHING)
        headers = self._proof(_NOTHING, b"") | {"WebHook-Request-Origin": "reconciler"}
        request = urllib.request.Request(self.spec.url, headers=headers, method="OPTIONS")
        bounded(lambda: _post(request, asked=True), TIMEOUT)
        return "answered; nothing was sent"

    def _proof(self, message: Message, body: bytes) -> dict[str, str]:
        found: dict[str, str] = {}
        given = self.token() if self.token is not None else None
        if given is None and self.spec.bearer is not None:
            given = self.resolve(self.spec.bearer)
        if given is not None:
            token = given.reveal()
            if not token.isascii() or not token.isprintable():
                raise failure("N102", "The token holds characters that no header takes.")
            found["Authorization"] = f"Bearer {token}"
        if self.spec.hmac is not None:
            now = int(time.time())
            found |= {
                "webhook-id": message.id,
                "webhook-timestamp": str(now),
                "webhook-signature": signature(self.resolve(self.spec.hmac).reveal(), message.id, now, body),
            }
        return found


def _post(request: urllib.request.Request, *, asked: bool = False) -> None:
    """`asked`: what doesn't know the method has answered all the same."""
    opener = urllib.request.build_opener(_NoRedirects)
    try:
        with opener.open(request, timeout=TIMEOUT):
            return
    except AlertError:
        raise
    except urllib.error.HTTPError as error:
        with error:
            if asked and error.code not in (401, 403, 404) and error.code < 500:
                return
            if asked and error.code == 501:
                return
            raise failure("N101", f"The endpoint answered {error.code}.") from None
    except urllib.error.URLError as error:
        raise failure("N101", f"The endpoint can't be reached: {_why(error.reason)}.") from None
    except (OSError, ValueError) as error:
        raise failure("N101", f"The endpoint can't be reached: {_why(error)}.") from None
    except Exception as error:  # what http.client makes of a server that doesn't speak HTTP
        raise failure("N101", f"The endpoint's answer can't be read ({type(error).__name__}).") from None


def _why(error: object) -> str:
    """Without its text, which may hold the address."""
    named = error.strerror if isinstance(error, OSError) and error.strerror else None
    return named or type(error).__name__
