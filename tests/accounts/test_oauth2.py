"""`oauth2` accounts at a real authorization server: logging in, renewing, and the alerts that are sent with it."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from reconciler.accounts.oauth2 import BearerSession
from reconciler.accounts.oauth2_login import log_in
from reconciler.accounts.secrets import SecretSource
from reconciler.api.project import Project
from reconciler.errors import AccountError, UsageError
from reconciler.resources.accounts.oauth2 import Oauth2AccountSpec
from tests.cli.support import Reconcile, simulated_shop
from tests.config.support import document, write
from tests.servers.issuer import Issuer, issuer
from tests.servers.listener import listening

KEPT = "logins/events"


@pytest.fixture
def reconcile(capsys: pytest.CaptureFixture[str]) -> Reconcile:
    return Reconcile(capsys)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    with issuer(tmp_path_factory.mktemp("issuer")) as found:
        yield found


def declared(server: Issuer, **more: Any) -> dict[str, Any]:
    return {
        "type": "oauth2",
        "tokenUrl": f"{server.url}/token",
        "authorizationUrl": f"{server.url}/auth",
        "clientId": "events",
        "refreshToken": {"fromFile": KEPT},
        "scopes": ["openid", "offline_access"],
        "loginParameters": {"prompt": "consent"},
    } | more


def spec(server: Issuer, **more: Any) -> Oauth2AccountSpec:
    given = {key: value for key, value in declared(server, **more).items() if value is not None}
    return Oauth2AccountSpec.model_validate(given)


def machine(server: Issuer, **more: Any) -> Oauth2AccountSpec:
    none = {"authorizationUrl": None, "refreshToken": None, "scopes": None, "loginParameters": None}
    return spec(server, **{**none, "clientId": "machine", "clientSecret": {"fromEnv": "SECRET"}, **more})


def logged_in(server: Issuer, folder: Path, name: str = "ana") -> str:
    """The refresh token of somebody, where the account says."""
    browsers: list[threading.Thread] = []

    def show(url: str) -> None:
        browsers.append(threading.Thread(target=server.browse, args=(url, name)))
        browsers[0].start()

    found = log_in(spec(server), SecretSource(folder, {}), show).reveal()
    browsers[0].join()
    (folder / KEPT).parent.mkdir(exist_ok=True)
    (folder / KEPT).write_text(found)
    return found


@pytest.fixture
def shop(server: Issuer, tmp_path: Path) -> Iterator[tuple[Path, Any]]:
    """A project whose alert channel signs in with the account; and what the channel hears."""
    with listening() as channel:
        events = document("AlertChannel", "events", f"{{type: cloudevents, url: '{channel.url}', account: events}}")
        account = document("Account", "events", str(declared(server)))
        write(tmp_path, {"reconcile.yaml": document("Project", "shop", "{}") + f"---\n{account}---\n{events}"})
        yield tmp_path, channel


def test_somebody_logs_in_and_the_channel_gets_tokens_of_theirs(server: Issuer, shop: tuple[Path, Any]) -> None:
    folder, channel = shop
    command = [sys.executable, "-m", "reconciler", "-C", str(folder), "account", "login", "events", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as called:
        assert called.stdout is not None
        lines = [called.stdout.readline(), called.stdout.readline()]
        url = lines[-1].strip()
        asked = parse_qs(urlsplit(url).query)
        assert asked["code_challenge_method"] == ["S256"]
        assert asked["redirect_uri"][0].startswith("http://127.0.0.1:")
        assert "Done." in str(server.browse(url, "ana").body)
        out, err = called.communicate(timeout=60)
    assert called.returncode == 0, err
    file = folder / KEPT
    first = file.read_text().strip()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert f"{file} (0600)" in out
    assert first not in out + err + "".join(lines)
    for _ in range(2):  # the refresh token is good for one use, so the second needs what the first one saved
        found = Project.open(folder).connect()
        assert found.findings == ()
        assert ("account", "events", ("got a token",)) in [(each.kind, each.name, each.steps) for each in found.tried]
    tokens = [request.headers["authorization"].removeprefix("Bearer ") for request in channel.received]
    assert len(set(tokens)) == 2
    assert all(server.active(each)["active"] for each in tokens)
    assert {server.active(each)["sub"] for each in tokens} == {"ana"}
    assert file.read_text().strip() not in ("", first)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_login_that_has_ended_says_what_to_do(server: Issuer, tmp_path: Path) -> None:
    used = logged_in(server, tmp_path)
    secrets = SecretSource(tmp_path, {})
    assert BearerSession(spec(server), secrets).bearer()
    (tmp_path / KEPT).write_text(used)
    with pytest.raises(AccountError, match=r"A171.*reconcile account login") as caught:
        BearerSession(spec(server), secrets).bearer()
    assert used not in str(caught.value)


def test_before_anybody_has_logged_in_it_says_what_to_do(server: Issuer, tmp_path: Path, reconcile: Reconcile) -> None:
    with pytest.raises(AccountError, match=r"A101.*nobody has logged in yet.*reconcile account login NAME"):
        BearerSession(spec(server), SecretSource(tmp_path, {})).bearer()
    write(tmp_path, {"events.yaml": document("Account", "events", json.dumps(declared(server)))})
    out = reconcile("-C", tmp_path, "validate", "--connect").out
    assert "nobody has logged in yet. Log in: reconcile account login NAME" in out
    assert "1 error in 1 of 1 file" in out


def test_runners_at_once_do_not_use_one_token_twice(server: Issuer, tmp_path: Path) -> None:
    logged_in(server, tmp_path)
    tokens: list[str] = []

    def use() -> None:
        tokens.append(BearerSession(spec(server), SecretSource(tmp_path, {})).bearer().reveal())

    threads = [threading.Thread(target=use) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(set(tokens)) == 4
    assert server.active(tokens[-1])["active"]


def test_a_rotated_token_needs_a_file(server: Issuer, tmp_path: Path) -> None:
    found = logged_in(server, tmp_path)
    session = BearerSession(spec(server, refreshToken={"fromEnv": "TOKEN"}), SecretSource(tmp_path, {"TOKEN": found}))
    with pytest.raises(AccountError, match=r"A172.*fromFile"):
        session.bearer()


def got(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            status: int = answer.status
            return status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_what_comes_back_must_be_of_this_login(server: Issuer, tmp_path: Path) -> None:
    """Another state, another path or none is turned away, and the login goes on."""
    statuses: list[int] = []

    def browser(url: str) -> None:
        asked = parse_qs(urlsplit(url).query)
        back, state = asked["redirect_uri"][0], asked["state"][0]
        statuses.extend(
            got(each)
            for each in (
                f"{back}?code=stolen&state=another",
                f"{back}?code=stolen",
                f"{back}/else?code=stolen&state={state}",
                f"{back}?error=access_denied&state={state}",
            )
        )

    threads: list[threading.Thread] = []

    def show(url: str) -> None:
        threads.append(threading.Thread(target=browser, args=(url,)))
        threads[0].start()

    with pytest.raises(AccountError, match=r"A174.*access_denied"):
        log_in(spec(server), SecretSource(tmp_path, {}), show)
    threads[0].join()
    assert statuses == [400, 400, 400, 200]
    assert list(tmp_path.iterdir()) == []


def test_nobody_logs_in(server: Issuer, tmp_path: Path) -> None:
    with pytest.raises(AccountError, match="A174"):
        log_in(spec(server), SecretSource(tmp_path, {}), lambda url: None, wait=0)


@pytest.mark.parametrize("how", ["basic", "post"])
def test_an_application_signs_in_itself(server: Issuer, how: str) -> None:
    session = BearerSession(
        machine(server, clientAuthentication=how), SecretSource(Path("/"), {"SECRET": "only-for-tests"})
    )
    token = session.bearer()
    assert session.bearer() == token
    assert server.active(token.reveal())["client_id"] == "machine"


def test_a_wrong_secret_is_not_repeated(server: Issuer) -> None:
    with pytest.raises(AccountError, match=r"A170.*invalid_client") as caught:
        BearerSession(machine(server), SecretSource(Path("/"), {"SECRET": "hunter2-hunter2"})).bearer()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "code"), [(302, "A173"), (307, "A173"), (500, "A173"), (200, "A170"), (404, "A173")]
)
def test_what_is_no_authorization_server(server: Issuer, status: int, code: str) -> None:
    with listening() as other, listening() as internal:
        other.answers, other.location = [status], internal.url
        session = BearerSession(
            machine(server, tokenUrl=f"{other.url}/token"), SecretSource(Path("/"), {"SECRET": "x"})
        )
        with pytest.raises(AccountError, match=code):
            session.bearer()
        assert internal.received == []


def test_a_server_that_is_not_there(server: Issuer) -> None:
    with listening() as gone:
        pass
    session = BearerSession(machine(server, tokenUrl=f"{gone.url}/token"), SecretSource(Path("/"), {"SECRET": "x"}))
    with pytest.raises(AccountError, match="A173"):
        session.bearer()


def test_a_run_that_has_the_ledger_alone_signs_in(
    server: Issuer, tmp_path: Path, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "only-for-tests")
    folder = simulated_shop(tmp_path / "shop", reconcile)
    account = f"{{type: oauth2, tokenUrl: '{server.url}/token', clientId: machine, clientSecret: {{fromEnv: SECRET}}}}"
    with listening() as channel:
        events = f"{{type: cloudevents, url: '{channel.url}', account: events}}"
        texts = [document("Account", "events", account), document("AlertChannel", "events", events)]
        write(folder, {"events.yaml": "---\n".join(texts)})
        with (folder / "destinations" / "outbox.yaml").open("a") as file:
            file.write("  alerts: [{channel: events, events: [run-started, run-succeeded]}]\n")
        assert reconcile("-C", folder, "apply", "--yes", "--at", "2054-12-01T00:00Z").code == 0
        (folder / "events.yaml").unlink()
        assert reconcile("-C", folder, "run", "--at", "2054-12-01T02:00Z").code == 0
    tokens = [each.headers["authorization"].removeprefix("Bearer ") for each in channel.received]
    assert len(tokens) == 2
    assert len(set(tokens)) == 1, "one is enough for a call"
    assert server.active(tokens[0])["client_id"] == "machine"


@pytest.mark.parametrize(
    ("name", "account", "said"),
    [
        ("evnts", "{type: aws}", "Did you mean events?"),
        ("events", "{type: aws}", "is of type aws"),
        (
            "events",
            "{type: oauth2, tokenUrl: 'https://x/t', clientId: a, refreshToken: {fromFile: a}}",
            "authorizationUrl",
        ),
        (
            "events",
            "{type: oauth2, tokenUrl: 'https://x/t', authorizationUrl: 'https://x/a', clientId: a, refreshToken: {fromEnv: A}}",
            "isn't a file",
        ),
    ],
)
def test_whom_nobody_logs_in_to(tmp_path: Path, name: str, account: str, said: str) -> None:
    write(tmp_path, {"reconcile.yaml": document("Account", "events", account)})
    with pytest.raises(UsageError, match="U116") as caught:
        Project.open(tmp_path).log_in(name, print)
    assert said in caught.value.detail


@pytest.mark.parametrize(
    ("account", "channel", "code"),
    [
        ("tokenUrl: 'https://x/t', clientId: a", "account: events", "C109"),
        ("tokenUrl: 'http://x/t', clientId: a, clientSecret: {fromEnv: A}", "account: events", "R185"),
        ("tokenUrl: 'https://x/t', clientId: a, clientSecret: {fromEnv: A}", "account: evnts", "R101"),
        (
            "tokenUrl: 'https://x/t', clientId: a, clientSecret: {fromEnv: A}",
            "account: events, bearer: {fromEnv: A}",
            "C109",
        ),
        ("tokenUrl: 'https://x/t', clientId: a, clientSecret: hunter2", "account: events", "S101"),
        (
            "tokenUrl: 'https://x/t', clientId: a, refreshToken: {fromFile: a}, loginParameters: {state: x}",
            "account: events",
            "C109",
        ),
    ],
)
def test_what_is_declared_wrongly(tmp_path: Path, account: str, channel: str, code: str) -> None:
    texts = (
        document("Account", "events", f"{{type: oauth2, {account}}}"),
        document("AlertChannel", "on-call", f"{{type: cloudevents, url: 'https://x/e', {channel}}}"),
    )
    write(tmp_path, {"reconcile.yaml": "---\n".join(texts)})
    assert code in {each.code for each in Project.open(tmp_path).validate().diagnostics}
