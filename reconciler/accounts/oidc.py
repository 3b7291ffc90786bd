"""Who somebody is, by an ID token: verified with the issuer's public keys, by an allow-list of algorithms.

Nothing in a token chooses where its key comes from.

Errors never show a token nor what it claims.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.errors import AccountError, MissingExtra, Refused
from reconciler.plan.permitted import Principal
from reconciler.resources.identity import IdentitySpec, KeySource

if TYPE_CHECKING:
    from jwt import PyJWK

_LONGEST_TOKEN = 64 * 1024
_MOST_KEYS = 1024 * 1024
_TIMEOUT_SECONDS = 10
_LEEWAY_SECONDS = 60


def verified(token: str, identity: IdentitySpec) -> Principal:
    """The principal of a token. Raises `Refused` G152, `AccountError` G153 where the keys can't be read, `MissingExtra`."""
    try:
        import jwt
    except ImportError as error:
        raise MissingExtra("oidc", "verifying an ID token") from error
    if len(token) > _LONGEST_TOKEN or not token.isascii():
        raise _refused("It is no token: far too long, or of characters that none has.")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError as error:
        raise _refused("It isn't a signed token.") from error
    if header.get("alg") not in identity.algorithms:
        raise _refused(f"It is signed by an algorithm that isn't allowed; allowed: {', '.join(identity.algorithms)}.")
    key = _key(identity.keys, header)
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=list(identity.algorithms),
            audience=identity.audience,
            issuer=identity.issuer,
            leeway=_LEEWAY_SECONDS,
            options={"require": ["exp", "iat", "iss", "aud", "sub"]},
        )
    except jwt.PyJWTError as error:
        raise _refused(_WHY.get(type(error).__name__, "It can't be verified.")) from error
    return _principal(claims, identity)


_WHY = {
    "ExpiredSignatureError": "It has expired.",
    "ImmatureSignatureError": "It isn't valid yet.",
    "InvalidAudienceError": "It is for another audience.",
    "InvalidIssuerError": "It is of another issuer.",
    "InvalidSignatureError": "Its signature is wrong.",
    "MissingRequiredClaimError": "It lacks one of exp, iat, iss, aud and sub.",
}


def _principal(claims: dict[str, Any], identity: IdentitySpec) -> Principal:
    audiences = claims["aud"]
    if isinstance(audiences, list) and len(audiences) > 1 and claims.get("azp") != identity.audience:
        raise _refused("It is for several audiences, and wasn't issued to this one.")
    name = claims.get(identity.user_claim)
    if not isinstance(name, str) or not name:
        raise _refused(f"Its claim {identity.user_claim} names nobody.")
    if identity.user_claim == "email" and claims.get("email_verified") is not True:
        raise _refused("Its issuer hasn't verified the e-mail address.")
    texts = {str(key): _texts(value) for key, value in claims.items()}
    return Principal(
        name=name,
        groups=texts.get(identity.groups_claim, ()),
        claims={key: value for key, value in texts.items() if value},
    )


def _texts(value: object) -> tuple[str, ...]:
    """A claim as a list of texts; nothing else is compared."""
    if isinstance(value, str):
        return (value,)
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


def _key(source: KeySource, header: dict[str, Any]) -> PyJWK:
    """The key that a token names, or the only one that fits. Its kind, use and algorithm must be the token's."""
    import jwt

    algorithm, name = header["alg"], header.get("kid")
    fitting = []
    for each in _key_set(source):
        if each.get("use") not in (None, "sig") or each.get("alg") not in (None, algorithm):
            continue
        if name is not None and each.get("kid") != name:
            continue
        try:
            fitting.append(jwt.PyJWK({part: each[part] for part in each.keys() - _PRIVATE}, algorithm))
        except jwt.PyJWTError:
            continue  # a key of another kind
    if len(fitting) != 1:
        raise _refused("No key of the issuer, or more than one, fits it.")
    return fitting[0]


def _key_set(source: KeySource) -> list[dict[str, Any]]:
    """The issuer's keys that are of a public kind."""
    try:
        listed = json.loads(_read(source))["keys"]
        return [each for each in listed if isinstance(each, dict) and each.get("kty") in ("RSA", "EC", "OKP")]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _unreadable(source, "It isn't a JSON Web Key Set.") from error


_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


def _read(source: KeySource) -> bytes:
    try:
        if source.file is not None:
            with Path(source.file).open("rb") as file:
                text = file.read(_MOST_KEYS + 1)
        else:
            text = _fetched(source.url or "")
    except (OSError, ValueError) as error:
        raise _unreadable(source, "It isn't there, or doesn't answer.") from error
    if len(text) > _MOST_KEYS:
        raise _unreadable(source, "It is far too large.")
    return text


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Keys are taken from where they are declared to be, and from nowhere else."""

    def redirect_request(self, *arguments: Any, **named: Any) -> None:
        return None


def _fetched(url: str) -> bytes:
    opener = urllib.request.build_opener(_NoRedirect)
    request = urllib.request.Request(url, headers={"Accept": "application/json", "User-Agent": "reconciler"})
    with opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
        body: bytes = answer.read(_MOST_KEYS + 1)
        return body


def _refused(why: str) -> Refused:
    return Refused("G152", "the ID token isn't accepted", why)


def _unreadable(source: KeySource, why: str) -> AccountError:
    return AccountError("G153", "the issuer's keys can't be read", f"{source.file or source.url}: {why}")
