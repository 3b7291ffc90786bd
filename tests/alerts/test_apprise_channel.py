"""Alerts by apprise: mail at a real SMTP server, a webhook at a real HTTP server."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.accounts.secrets import SecretSource
from reconciler.alerts.base import AlertError, Message
from reconciler.alerts.open import open_channel
from reconciler.resources.alert import AppriseChannelSpec
from tests.servers.listener import listening
from tests.servers.mailbox import mailbox

AT = datetime(2054, 12, 2, 2, 0, tzinfo=UTC)
BODY = "Slot 2054-12-02 02:00 UTC wasn't exported.\nNext: reconcile status box/audience/us"
MESSAGE = Message(
    "an-id",
    "/reconciler/growth",
    "run-failed",
    "box/audience/us",
    AT,
    "failure",
    "box/us: run failed",
    BODY,
    {"rows": 5},
)


def send(url: str) -> None:
    spec = AppriseChannelSpec.model_validate({"type": "apprise", "url": {"fromEnv": "URL"}})
    open_channel(spec, root=Path("/nowhere"), resolve=SecretSource(Path("/nowhere"), {"URL": url}).resolve).send(
        MESSAGE
    )


def test_a_mail_arrives() -> None:
    with mailbox() as box:
        send(f"mailto://127.0.0.1:{box.port}?from=night@example.com&to=team@example.com&mode=insecure")
    (mail,) = box.mails
    assert (mail["Subject"], "team@example.com" in str(mail["To"])) == ("box/us: run failed", True)
    text = mail.get_body(("plain",))
    assert text is not None
    assert text.get_content().strip().replace("\r\n", "\n") == BODY


def test_a_mail_that_is_refused() -> None:
    with mailbox() as box:
        box.refuses = "554 5.7.1 nobody by that name"
        with pytest.raises(AlertError) as caught:
            send(f"mailto://127.0.0.1:{box.port}?from=night@example.com&to=team@example.com&mode=insecure")
    assert caught.value.code == "N101"


def test_a_webhook_arrives() -> None:
    with listening() as listener:
        send(listener.url.replace("http://", "json://"))
    body = json.loads(listener.received[0].body)
    assert (body["title"], body["message"], body["type"]) == ("box/us: run failed", BODY, "failure")


@pytest.mark.parametrize("asked", ["", "?redirect=yes"])
def test_no_redirection_is_followed(asked: str) -> None:
    with listening() as listener, listening() as internal:
        listener.answers, listener.location = [307], internal.url
        with pytest.raises(AlertError):
            send(listener.url.replace("http://", "json://") + asked)
        assert internal.received == []


@pytest.mark.parametrize("url", ["no-such-service://s3cr3t", "s3cr3t", "json://"])
def test_an_address_that_is_none_is_not_shown(url: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(AlertError) as caught:
        send(url)
    assert caught.value.code == "N102"
    out, err = capfd.readouterr()
    assert "s3cr3t" not in str(caught.value) + out + err


def test_nothing_of_a_service_that_is_down_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    with listening() as listener:
        listener.answers = [500]
        with pytest.raises(AlertError) as caught:
            send(listener.url.replace("http://", "json://user:s3cr3t@"))
    out, err = capfd.readouterr()
    assert (caught.value.code, out, err) == ("N101", "", "")
    assert "s3cr3t" not in str(caught.value)


def test_a_service_that_takes_its_time_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.alerts.apprise.TIMEOUT", 0.3)
    with listening() as listener:
        listener.delay = 30
        with pytest.raises(AlertError, match="within"):
            send(listener.url.replace("http://", "json://"))
