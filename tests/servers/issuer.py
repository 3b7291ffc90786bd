"""A real OpenID provider (oidc-provider, on node), and a sign-in as a browser does it: redirects, forms, a code for a token."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

from tests.servers.needed import SERVERS, needed
from tests.servers.process import answers, free_ports, running

_REDIRECT = "http://127.0.0.1:9/done"
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Issuer:
    """A provider with the people `ana` (groups growth and staff, a verified address) and `eve` (guests, an unverified one)."""

    url: str

    @property
    def keys(self) -> str:
        """Where its public keys are."""
        return f"{self.url}/jwks"

    def browse(self, url: str, name: str) -> Page:
        """What somebody's browser ends at, who opens a URL, signs in and agrees."""
        browser = _Browser()
        page = browser.get(url)
        for form in ({"prompt": "login", "login": name, "password": "any"}, {"prompt": "consent"}):
            assert page.body is not None, page
            action = re.search(r'action="([^"]+)"', page.body)
            assert action, page.body
            page = browser.get(urllib.parse.urljoin(self.url, action[1]), form)
        return page

    def active(self, token: str) -> dict[str, Any]:
        """What the provider says of an access token, to a client of its own."""
        body = {"token": token, "client_id": "reconciler", "client_secret": "only-for-tests"}
        request = urllib.request.Request(f"{self.url}/token/introspection", urllib.parse.urlencode(body).encode())
        with urllib.request.urlopen(request, timeout=20) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def sign_in(self, name: str, client: str = "reconciler") -> str:
        """An ID token of somebody, for a client."""
        asked = {
            "client_id": client,
            "response_type": "code",
            "scope": "openid",
            "redirect_uri": _REDIRECT,
            "state": "s",
        }
        page = self.browse(f"{self.url}/auth?{urllib.parse.urlencode(asked)}", name)
        code = urllib.parse.parse_qs(urllib.parse.urlsplit(page.url).query)["code"][0]
        body = {"grant_type": "authorization_code", "code": code, "redirect_uri": _REDIRECT}
        body |= {"client_id": client, "client_secret": "only-for-tests"}
        request = urllib.request.Request(f"{self.url}/token", urllib.parse.urlencode(body).encode())
        with urllib.request.urlopen(request, timeout=20) as answer:
            token: str = json.load(answer)["id_token"]
        return token


@dataclass(frozen=True)
class Page:
    """Where a browser is: its URL, and what it shows; None outside of the provider."""

    url: str
    body: str | None


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any, **named: Any) -> None:
        return None


class _Browser:
    """Cookies, and redirects up to the one that leaves the provider."""

    def __init__(self) -> None:
        self._open = urllib.request.build_opener(_Stay, urllib.request.HTTPCookieProcessor(CookieJar())).open

    def get(self, url: str, form: dict[str, str] | None = None) -> Page:
        data = urllib.parse.urlencode(form).encode() if form is not None else None
        for _ in range(10):
            if url.startswith(_REDIRECT):
                return Page(url, None)
            try:
                with self._open(urllib.request.Request(url, data), timeout=20) as answer:
                    return Page(url, answer.read().decode())
            except urllib.error.HTTPError as error:
                error.close()
                if error.code not in (302, 303):
                    raise
                url, data = urllib.parse.urljoin(url, error.headers["Location"]), None
        raise AssertionError(f"too many redirects: {url}")


@contextlib.contextmanager
def issuer(folder: Path) -> Iterator[Issuer]:
    """The provider, until the block ends. `folder`: for its log."""
    node = needed(shutil.which("node") or "node", "Node.js")
    needed(SERVERS / "node_modules" / "oidc-provider", "make servers")
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    command = [str(node), str(_HERE / "node" / "issuer.mjs"), str(SERVERS / "node_modules"), str(port), _REDIRECT]
    with running(command, folder / "issuer.log", lambda: answers(f"{url}/jwks")):
        yield Issuer(url)
