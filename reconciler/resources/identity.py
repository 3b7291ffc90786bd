"""`Project.spec.identity`: who somebody is, by an OpenID Connect token that an issuer signed."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from reconciler.resources.secrets import FromEnv, SecretRef
from reconciler.values.base import Value

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
ClaimName = Annotated[str, Field(min_length=1, max_length=256)]
TOKEN_VARIABLE = "RECONCILER_ID_TOKEN"


class KeySource(Value):
    """Where the issuer's public keys (a JSON Web Key Set) are: one of the two.

    `file` is absolute: a file of the repository could be changed with what its keys protect. `url` is HTTPS; plain HTTP for this
    machine alone.
    """

    file: Annotated[str, Field(pattern=r"^/", max_length=4096, description="An absolute path.")] | None = None
    url: (
        Annotated[
            str,
            Field(
                pattern=r"^(https://[^\s/@]+|http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?)(/[^\s]*)?$",
                max_length=2048,
                description="An https:// URL without a user.",
            ),
        ]
        | None
    ) = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.file is None) == (self.url is None):
            raise ValueError("keys come from one place: write either file or url")
        return self


class IdentitySpec(Value):
    """Tokens of `issuer` for `audience`, signed by one of `keys` with one of `algorithms` (never a shared secret, never none).

    `userClaim` names the person, `groupsClaim` their groups. An e-mail address is taken only if the issuer has verified it.
    `token`: where the token is found.
    """

    issuer: Annotated[str, Field(min_length=1, max_length=2048, description="`iss` of the token, to the letter.")]
    audience: Annotated[str, Field(min_length=1, max_length=512, description="`aud` of the token, or one of them.")]
    keys: KeySource
    algorithms: Annotated[
        tuple[Algorithm, ...], Field(min_length=1, max_length=10, description="Those that are taken.")
    ] = ("RS256",)
    user_claim: Annotated[ClaimName, Field(description="Names the person: what a role calls user.")] = "sub"
    groups_claim: Annotated[ClaimName, Field(description="Names their groups: what a role calls group.")] = "groups"
    token: Annotated[SecretRef, Field(description="Where the token is found.")] = FromEnv(from_env=TOKEN_VARIABLE)
