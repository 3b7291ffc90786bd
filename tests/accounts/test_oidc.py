"""ID tokens: what a real provider issues is accepted, and nothing that only looks like it."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from reconciler.accounts.oidc import verified
from reconciler.accounts.os_user import os_principal
from reconciler.errors import AccountError, MissingExtra, ReconcilerError, Refused
from reconciler.resources.identity import IdentitySpec, KeySource
from tests.servers.issuer import Issuer, issuer

ISSUER = "https://issuer.example"


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    with issuer(tmp_path_factory.mktemp("issuer")) as found:
        yield found


def of(real: Issuer, **more: Any) -> IdentitySpec:
    return IdentitySpec(**{"issuer": real.url, "audience": "reconciler", "keys": KeySource(url=real.keys), **more})


def test_a_real_providers_token_names_somebody(real: Issuer) -> None:
    found = verified(real.sign_in("ana"), of(real))
    assert found.name == "ana"
    assert found.groups == ("growth", "staff")
    assert found.claims["email"] == ("ana@example.com",)


def test_a_real_providers_token_for_another_audience_is_none(real: Issuer) -> None:
    with pytest.raises(Refused, match=r"G152.*another audience"):
        verified(real.sign_in("ana", client="another"), of(real))
    with pytest.raises(Refused, match=r"G152.*another issuer"):
        verified(real.sign_in("ana"), of(real, issuer=f"{real.url}/"))


def test_an_address_counts_once_it_is_verified(real: Issuer) -> None:
    by_mail = of(real, user_claim="email")
    assert verified(real.sign_in("ana"), by_mail).name == "ana@example.com"
    with pytest.raises(Refused, match=r"G152.*hasn't verified"):
        verified(real.sign_in("eve"), by_mail)


# Tokens that no honest provider issues ------------------------------------------------------------------------------------


@dataclass
class Keys:
    """A key of one's own, and the file in which its public half stands."""

    folder: Path
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    def __post_init__(self) -> None:
        self.write([self.jwk()])

    def jwk(self, **more: object) -> dict[str, Any]:
        return {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key())), "kid": "one", **more}

    def write(self, keys: object) -> None:
        (self.folder / "keys.json").write_text(json.dumps({"keys": keys}))

    def identity(self, **more: Any) -> IdentitySpec:
        keys = KeySource(file=str(self.folder / "keys.json"))
        return IdentitySpec(**{"issuer": ISSUER, "audience": "reconciler", "keys": keys, **more})

    def token(
        self, algorithm: str = "RS256", key: Any = None, header: dict[str, Any] | None = None, **claims: Any
    ) -> str:
        now = int(time.time())
        whole = {"iss": ISSUER, "aud": "reconciler", "sub": "ana", "iat": now, "exp": now + 300, "groups": ["growth"]}
        kept = {name: value for name, value in (whole | claims).items() if value is not None}
        return jwt.encode(kept, key or self.key, algorithm, headers={"kid": "one", **(header or {})})


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys(tmp_path_factory.mktemp("keys"))


def refused(token: str, identity: IdentitySpec) -> str:
    with pytest.raises(Refused) as found:
        verified(token, identity)
    assert found.value.code == "G152"
    assert token not in str(found.value)
    return found.value.detail


def test_one_that_is_in_order(keys: Keys) -> None:
    assert verified(keys.token(), keys.identity()).groups == ("growth",)


def test_no_signature_is_none(keys: Keys) -> None:
    parts = [
        json.dumps(each).encode() for each in ({"alg": "none"}, {"iss": ISSUER, "aud": "reconciler", "sub": "root"})
    ]
    none = b".".join(base64.urlsafe_b64encode(each).rstrip(b"=") for each in parts).decode() + "."
    assert "isn't allowed" in refused(none, keys.identity())


def test_a_public_key_is_no_shared_secret(keys: Keys) -> None:
    pem = keys.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    head, body, _ = keys.token().split(".")
    header = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": "one"}).encode()).rstrip(b"=").decode()
    import hashlib
    import hmac

    signature = base64.urlsafe_b64encode(hmac.new(pem, f"{header}.{body}".encode(), hashlib.sha256).digest()).rstrip(
        b"="
    )
    assert head
    assert "isn't allowed" in refused(f"{header}.{body}.{signature.decode()}", keys.identity())
    with pytest.raises(ValueError, match="HS256"):
        keys.identity(algorithms=("HS256",))


def test_nor_is_another_key_whatever_the_token_says_of_it(keys: Keys) -> None:
    other = rsa.generate_private_key(65537, 2048)
    jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(other.public_key()))
    assert refused(keys.token(key=other), keys.identity()) == "Its signature is wrong."
    for header in ({"jwk": jwk}, {"jku": "http://127.0.0.1:9/keys"}, {"x5u": "http://127.0.0.1:9/x"}):
        assert refused(keys.token(key=other, header=header), keys.identity()) == "Its signature is wrong."
    assert "No key of the issuer" in refused(keys.token(key=other, header={"kid": "two"}), keys.identity())


def test_an_algorithm_of_another_kind_finds_no_key(keys: Keys) -> None:
    curve = ec.generate_private_key(ec.SECP256R1())
    token = keys.token("ES256", curve)
    assert "isn't allowed" in refused(token, keys.identity())
    assert "No key of the issuer" in refused(token, keys.identity(algorithms=("RS256", "ES256")))
    assert verified(keys.token("PS256"), keys.identity(algorithms=("PS256",))).name == "ana"


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"exp": 1_700_000_000}, "It has expired."),
        ({"exp": None}, "It lacks one of"),
        ({"iat": None}, "It lacks one of"),
        ({"sub": None}, "It lacks one of"),
        ({"nbf": 4_000_000_000}, "It isn't valid yet."),
        ({"iat": 4_000_000_000}, "It isn't valid yet."),
        ({"aud": "another"}, "another audience"),
        ({"aud": None}, "another audience"),
        ({"iss": "https://issuer.example.evil"}, "another issuer"),
        ({"aud": ["reconciler", "another"]}, "several audiences"),
        ({"aud": ["reconciler", "another"], "azp": "another"}, "several audiences"),
        ({"sub": ""}, "names nobody"),
    ],
)
def test_claims_that_are_out_of_order(keys: Keys, claims: dict[str, Any], said: str) -> None:
    detail = refused(keys.token(**claims), keys.identity())
    assert said in detail or (claims == {"aud": None} and "It lacks one of" in detail)


def test_claims_that_are_no_texts_match_nobody(keys: Keys) -> None:
    found = verified(keys.token(groups={"growth": True}, level=3, teams=["a", 7, ["b"]]), keys.identity())
    assert found.groups == ()
    assert found.claims["teams"] == ("a",)
    assert "level" not in found.claims


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "e30.e30.", "x" * 100_000, "\ud83d.a.b"])
def test_what_is_no_token(keys: Keys, token: str) -> None:
    with pytest.raises(ReconcilerError):
        verified(token, keys.identity())


def test_keys_that_are_for_something_else(keys: Keys, tmp_path: Path) -> None:
    mine = Keys(tmp_path, keys.key)
    for wrong in (
        [mine.jwk(use="enc")],
        [mine.jwk(alg="RS512")],
        [mine.jwk(), mine.jwk()],
        [{"kty": "oct", "k": "AAAA", "kid": "one"}],
        [],
    ):
        mine.write(wrong)
        assert "No key of the issuer" in refused(keys.token(), mine.identity())
    mine.write([{"kty": "oct", "k": "AAAA"}, 7, {"kty": "RSA", "n": "!"}, mine.jwk()])
    assert verified(keys.token(), mine.identity()).name == "ana"


@pytest.mark.parametrize("text", ["", "[]", '{"keys": 7}', "[" * 5_000, "x" * (1024 * 1024 + 2)])
def test_keys_that_cant_be_read(keys: Keys, tmp_path: Path, text: str) -> None:
    (tmp_path / "keys.json").write_text(text)
    with pytest.raises(AccountError, match="G153"):
        verified(keys.token(), keys.identity(keys=KeySource(file=str(tmp_path / "keys.json"))))
    with pytest.raises(AccountError, match="G153"):
        verified(keys.token(), keys.identity(keys=KeySource(file=str(tmp_path / "missing.json"))))


def test_a_redirect_leads_to_no_key(keys: Keys) -> None:
    body = json.dumps({"keys": [keys.jwk()]}).encode()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/moved":
                self.send_response(302)
                self.send_header("Location", "/keys")
                self.end_headers()
                return
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    try:
        assert verified(keys.token(), keys.identity(keys=KeySource(url=f"{base}/keys"))).name == "ana"
        with pytest.raises(AccountError, match="G153"):
            verified(keys.token(), keys.identity(keys=KeySource(url=f"{base}/moved")))
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    "url", ["http://keys.example/k", "https://user@keys.example/k", "file:///etc/passwd", "ftp://keys.example"]
)
def test_keys_come_over_https(url: str) -> None:
    with pytest.raises(ValueError):
        KeySource(url=url)
    with pytest.raises(ValueError):
        KeySource(file="keys.json")


def test_without_the_extra_it_says_what_to_install(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "jwt", None)
    with pytest.raises(MissingExtra, match=r"reconciler\[oidc\]"):
        verified("a.b.c", keys.identity())


def test_the_operating_systems_user_is_the_processs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    import os
    import pwd

    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    assert os_principal().name == pwd.getpwuid(os.geteuid()).pw_name
    assert os_principal().groups
