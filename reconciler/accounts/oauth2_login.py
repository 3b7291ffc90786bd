"""Logging in to an authorization server: authorization-code flow with PKCE, redirected to this machine (RFC 8252, RFC 7636)."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Final
from urllib.parse import parse_qs, urlsplit

from reconciler.accounts.errors import account_failure
from reconciler.accounts.oauth2 import client, said, token
from reconciler.accounts.secrets import Secret, SecretSource
from reconciler.resources.accounts.oauth2 import Oauth2AccountSpec

WAIT: Final = 300.0
"""Seconds that somebody has to log in."""
_PATH: Final = "/callback"
_DONE: Final = "Done. The rest is told where reconcile was called; this page can be closed.\n"
_NOT_THIS: Final = "This isn't the login that is waited for.\n"


@dataclass
class _Answer:
    """What the server sent the browser back with."""

    state: str
    code: str | None = None
    error: str | None = None


def log_in(spec: Oauth2AccountSpec, secrets: SecretSource, show: Callable[[str], None], wait: float = WAIT) -> Secret:
    """A refresh token. `show`: gets the URL that a browser of this machine is to open. Raises `AccountError` A170 to A174,
    `MissingExtra`."""
    assert spec.authorization_url is not None
    try:
        server = HTTPServer(("127.0.0.1", spec.redirect_port or 0), BaseHTTPRequestHandler)
    except OSError as error:
        raise account_failure("A174", f"Port {spec.redirect_port} of this machine: {error.strerror}.") from error
    with server, client(spec, secrets, f"http://127.0.0.1:{server.server_address[1]}{_PATH}") as asked:
        from authlib.common.security import generate_token

        verifier = generate_token(64)
        url, state = asked.create_authorization_url(
            spec.authorization_url, code_verifier=verifier, **spec.login_parameters
        )
        answer = _Answer(state)
        server.RequestHandlerClass = _handler(answer)
        show(url)
        _waited(server, answer, wait)
        found = token(lambda: asked.fetch_token(spec.token_url, code=answer.code, code_verifier=verifier))
    kept = found.get("refresh_token")
    if not isinstance(kept, str):
        raise account_failure(
            "A174",
            "The server gave no refresh token. Most want a scope for it (offline_access), or a parameter (loginParameters: "
            "{prompt: consent}).",
        )
    return Secret(kept)


def _waited(server: HTTPServer, answer: _Answer, wait: float) -> None:
    server.timeout = 0.5
    end = time.monotonic() + wait
    while answer.code is None and answer.error is None:
        if time.monotonic() >= end:
            raise account_failure("A174", f"Nobody logged in within {wait:g} seconds.")
        server.handle_request()
    if answer.error is not None:
        raise account_failure("A174", f"The authorization server answered {said(answer.error)}.")


def _handler(answer: _Answer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 5  # who connects and says nothing keeps nobody waiting

        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            given = parse_qs(asked.query)
            state = given.get("state", [""])[0]
            ours = asked.path == _PATH and hmac.compare_digest(state.encode(), answer.state.encode())
            if ours:
                answer.code = given.get("code", [None])[0]
                answer.error = None if answer.code else given.get("error", ["an error"])[0]
            body = (_DONE if ours else _NOT_THIS).encode()
            self.send_response(200 if ours else 400)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Referrer-Policy", "no-referrer")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """The line would hold the code."""

    return Handler
