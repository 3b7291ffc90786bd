"""CloudEvents over HTTP, read by the CloudEvents library at a real server."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_binary_event, from_structured_event

from reconciler.accounts.secrets import SecretSource
from reconciler.alerts.base import AlertError, Message
from reconciler.alerts.open import open_channel
from reconciler.errors import AccountError
from reconciler.resources.alert import CloudEventsChannelSpec
from tests.servers.listener import Listener, listening

AT = datetime(2054, 12, 2, 2, 0, tzinfo=UTC)
MESSAGE = Message(
    "an-id",
    "/reconciler/growth",
    "run-failed",
    "box/audience/us",
    AT,
    "failure",
    "Ein Titel – schön",
    "line\nline",
    {"rows": 5},
)
KEY = "whsec_" + base64.b64encode(b"a key of some length").decode()


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as found:
        yield found


def send(url: str, env: dict[str, str] | None = None, **spec: object) -> None:
    found = CloudEventsChannelSpec.model_validate({"type": "cloudevents", "url": url, **spec})
    open_channel(found, root=Path("/nowhere"), resolve=SecretSource(Path("/nowhere"), env or {}).resolve).send(MESSAGE)


@pytest.mark.parametrize("mode", ["structured", "binary"])
def test_both_modes_say_the_same(listener: Listener, mode: str) -> None:
    send(f"{listener.url}/a/path", mode=mode)
    (request,) = listener.received
    read = {"structured": from_structured_event, "binary": from_binary_event}[mode]
    event = read(HTTPMessage(request.headers, request.body))
    assert (event.get_id(), event.get_source(), event.get_subject()) == (
        "an-id",
        "/reconciler/growth",
        "box/audience/us",
    )
    assert (event.get_type(), event.get_time(), request.path) == ("reconciler.alert.run-failed", AT, "/a/path")
    assert event.get_data() == {"title": "Ein Titel – schön", "text": "line\nline", "rows": 5}


def test_token_and_signature(listener: Listener) -> None:
    env = {"TOKEN": "the-token", "KEY": KEY}
    send(listener.url, env, bearer={"fromEnv": "TOKEN"}, hmac={"fromEnv": "KEY"})
    (request,) = listener.received
    assert request.headers["authorization"] == "Bearer the-token"
    # As Standard Webhooks say it, worked out by hand.
    signed = f"an-id.{request.headers['webhook-timestamp']}.".encode() + request.body
    mac = hmac.new(b"a key of some length", signed, hashlib.sha256).digest()
    assert request.headers["webhook-signature"] == f"v1,{base64.b64encode(mac).decode()}"
    assert request.headers["webhook-id"] == "an-id"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirection_is_followed(listener: Listener, status: int) -> None:
    with listening() as internal:
        listener.answers, listener.location = [status], f"{internal.url}/latest/meta-data"
        with pytest.raises(AlertError) as caught:
            send(listener.url, {"TOKEN": "the-token"}, bearer={"fromEnv": "TOKEN"})
        assert (caught.value.code, internal.received) == ("N103", [])


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_a_refusal_is_said_without_the_address(listener: Listener, status: int) -> None:
    listener.answers = [status]
    with pytest.raises(AlertError, match=f"answered {status}") as caught:
        send(f"{listener.url}/hooks/s3cr3t")
    assert caught.value.code == "N101"
    assert "s3cr3t" not in str(caught.value)


def test_nobody_is_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(AlertError, match="Connection refused") as caught:
            send(f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert caught.value.code == "N101"


def test_a_server_that_takes_its_time_is_given_up(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.alerts.cloudevents.TIMEOUT", 0.2)
    listener.delay = 30
    with pytest.raises(AlertError) as caught:
        send(listener.url)
    assert caught.value.code == "N101"


def test_a_server_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time, and the answer never ends: a socket's time-out alone would wait for ever."""
    monkeypatch.setattr("reconciler.alerts.cloudevents.TIMEOUT", 0.3)
    import threading

    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            peer, _ = server.accept()
            with peer:
                while not over.wait(0.05):
                    try:
                        peer.sendall(b"H")
                    except OSError:
                        return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        with pytest.raises(AlertError, match="within") as caught:
            send(f"http://127.0.0.1:{server.getsockname()[1]}")
        over.set()
        thread.join()
    assert caught.value.code == "N101"


def test_a_secret_that_is_not_there_is_named(listener: Listener) -> None:
    with pytest.raises(AccountError, match="TOKEN"):
        send(listener.url, bearer={"fromEnv": "TOKEN"})
    assert listener.received == []


@pytest.mark.parametrize(("name", "value"), [("bearer", "a\nb"), ("bearer", "schön"), ("hmac", "whsec_!!!")])
def test_a_secret_that_can_not_be_used(listener: Listener, name: str, value: str) -> None:
    with pytest.raises(AlertError) as caught:
        send(listener.url, {"VALUE": value}, **{name: {"fromEnv": "VALUE"}})
    assert (caught.value.code, value in str(caught.value), listener.received) == ("N102", False, [])
