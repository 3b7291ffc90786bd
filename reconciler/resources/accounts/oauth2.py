"""`type: oauth2`: an application at an authorization server, for what takes a bearer token."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from reconciler.resources.accounts.base import AccountSpec
from reconciler.resources.secrets import SecretRef

ServerUrl = Annotated[
    str,
    Field(
        pattern=r"^https?://[^\s/@?#]+(/[^\s@?#]*)?$",
        max_length=2048,
        description="An http or https URL without credentials and parameters.",
    ),
]
Word = Annotated[str, Field(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]{1,256}$")]
_FIXED = (
    "url",
    "code_verifier",
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
)


class Oauth2AccountSpec(AccountSpec):
    """With `refreshToken`, in the name of whoever logged in (`reconcile account login`); without it, in the application's own name, by
    client credentials."""

    type: Literal["oauth2"]
    token_url: Annotated[ServerUrl, Field(description="Where tokens are got.")]
    authorization_url: Annotated[ServerUrl | None, Field(description="Where people log in.")] = None
    client_id: Annotated[
        str,
        Field(
            min_length=1,
            max_length=512,
            pattern=r"^[\x20-\x7e]+$",
            description="Which application this is, as the server knows it.",
        ),
    ]
    client_secret: Annotated[SecretRef | None, Field(description="None for a public client.")] = None
    client_authentication: Annotated[
        Literal["basic", "post"], Field(description="How the client's secret is sent: in a header, or in the form.")
    ] = "basic"
    refresh_token: Annotated[
        SecretRef | None, Field(description="Where the login is kept: a file, so that it can be written.")
    ] = None
    scopes: Annotated[
        tuple[Word, ...], Field(description="What is asked for; else what the server gives by itself.")
    ] = ()
    login_parameters: Annotated[
        dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")], Annotated[str, Field(max_length=512)]],
        Field(
            description="What the server wants to be told besides when somebody logs in, such as access_type: offline."
        ),
    ] = {}
    redirect_port: Annotated[
        int | None,
        Field(ge=1024, le=65535, description="Of http://127.0.0.1:PORT/callback, for servers that want it fixed."),
    ] = None

    @property
    def realm(self) -> str:
        """The server and who signs in there."""
        return f"{self.token_url}|{self.client_id}"

    def problems(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Nothing to sign in with, a login without its place, and parameters that are the protocol's own."""
        if self.refresh_token is None and self.client_secret is None:
            yield (
                (),
                "There is nothing to sign in with. Add refreshToken, for a person's login, or clientSecret, for the application's own.",
            )
        if self.authorization_url is not None and self.refresh_token is None:
            yield (
                ("authorizationUrl",),
                "Nobody logs in for client credentials. Add refreshToken, where the login is to be kept, or remove it.",
            )
        for name in self.login_parameters:
            if name in _FIXED:
                yield ("loginParameters", name), f"{name} is said by the protocol. Remove it."
