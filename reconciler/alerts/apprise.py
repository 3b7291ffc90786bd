"""Chat, e-mail and webhook services by apprise. Its URL is a secret: nothing that apprise says of it is shown or logged."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.accounts.secrets import Secret
from reconciler.alerts.base import TIMEOUT, Message, failure
from reconciler.alerts.bounded import bounded
from reconciler.errors import MissingExtra
from reconciler.resources.alert import AppriseChannelSpec
from reconciler.resources.secrets import SecretRef

if TYPE_CHECKING:
    import apprise

_LOGGER = "apprise"


@dataclass(frozen=True, slots=True)
class AppriseChannel:
    """One apprise URL. Implements `Channel`."""

    spec: AppriseChannelSpec
    resolve: Callable[[SecretRef], Secret]

    def send(self, message: Message) -> None:
        """See `Channel`."""
        service = self._service()
        import apprise

        kind = apprise.NotifyType(message.mood)

        def notify() -> None:
            if not service.notify(title=message.title, body=message.body, notify_type=kind, body_format="text"):
                raise failure("N101", "The service behind the channel's URL can't be reached, or refused.")

        bounded(notify, TIMEOUT)

    def check(self) -> str:
        """See `Channel`. Services differ too much for more."""
        self._service()
        return "its URL is one that apprise knows; nothing was sent"

    def _service(self) -> apprise.Apprise:
        try:
            import apprise
        except ImportError as error:
            raise MissingExtra("alerts", "sending alerts by apprise") from error
        _hush()
        url = self.resolve(self.spec.url).reveal()
        # Nothing is kept on disk, and no redirection is followed.
        asset = apprise.AppriseAsset(app_id="reconciler", storage_mode="memory", http_redirects=False)
        service = apprise.Apprise(asset=asset)
        if not service.add(url):
            raise failure(
                "N102",
                "The channel's secret holds no URL that apprise knows. Its form is described at apprise's service.",
            )
        for each in service:
            each.redirects = False  # whatever the URL asks for
        return service


def _hush() -> None:
    """apprise warns on a logger of its own, with hosts, users and what servers answered; without handlers that would go to stderr."""
    logger = logging.getLogger(_LOGGER)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
