"""The `sftp` destination: a folder of a server that is reached by SSH.

Fingerprints: as OpenSSH prints them, base64 of the SHA-256 of a public key's blob, without padding.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Annotated, Final

from pydantic import AfterValidator, Field, WithJsonSchema

from reconciler.catalog.base import Access, Connection, DestinationType, Folder

_KEY_TYPES: Final = "ssh-ed25519|ecdsa-sha2-nistp256|ecdsa-sha2-nistp384|ecdsa-sha2-nistp521|ssh-rsa"
HOST_KEY_PATTERN: Final = rf"^(SHA256:[A-Za-z0-9+/]{{43}}|({_KEY_TYPES}) [A-Za-z0-9+/]{{60,1400}}={{0,2}})$"
_HOST_KEY_RULE: Final = "A host key as `ssh-keyscan HOST` prints it (type and base64), or its fingerprint SHA256:…"
_PORT: Final = 22
PREFIX: Final = "SHA256:"


def fingerprint(blob: bytes) -> str:
    """Of a public key's blob: `SHA256:…`."""
    return PREFIX + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def _host_key(text: str) -> str:
    if text.startswith(PREFIX):
        return text
    kind, _, body = text.partition(" ")
    try:
        blob = base64.b64decode(body, validate=True)
    except binascii.Error:
        raise ValueError("a host key's second word isn't base64") from None
    if blob[: 4 + len(kind)] != len(kind).to_bytes(4, "big") + kind.encode():
        raise ValueError(f"what follows {kind} isn't a key of this type: copy it again, whole")
    return text


def _path(text: str) -> str:
    parts = text.strip("/").split("/") if text.strip("/") else []
    if any(part in ("", ".", "..") for part in parts) or any(char < " " or char in "\\\x7f" for char in text):
        raise ValueError(
            "connection.path is a plain path: no '.', no '..', nothing empty between slashes, no control characters"
        )
    return text


HostKey = Annotated[
    str,
    Field(pattern=HOST_KEY_PATTERN),
    AfterValidator(_host_key),
    WithJsonSchema({"type": "string", "pattern": HOST_KEY_PATTERN, "description": _HOST_KEY_RULE}),
]


class SftpConnection(Connection):
    """A folder of a server. A relative path is below the folder where the account's user arrives."""

    host: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._:-]{0,253}[A-Za-z0-9])?$", description="Name or address.")
    ]
    port: Annotated[int, Field(ge=1, le=65535)] = _PORT
    path: Annotated[
        str,
        Field(max_length=900, description="The folder: absolute, or below where the user arrives."),
        AfterValidator(_path),
    ] = ""
    host_keys: Annotated[
        tuple[HostKey, ...],
        Field(
            min_length=1,
            max_length=16,
            description="The server must have one of these; it is never asked and believed.",
        ),
    ]
    access: Access = "read-write"

    @property
    def root(self) -> str:
        """The folder in SFTP's own words: without a slash at its end, `.` for where the user arrives."""
        path = self.path.rstrip("/")
        return path or ("/" if self.path.startswith("/") else ".")

    @property
    def authority(self) -> str:
        """Host, and port where it isn't the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORT else f"{host}:{self.port}"

    def url(self) -> str:
        """`sftp://host/folder`; `sftp://host/~/folder` below where the user arrives."""
        path = self.path.strip("/")
        home = "" if self.path.startswith("/") else "~/"
        return f"sftp://{self.authority}/{home}{path}".rstrip("/")

    def folder(self, realm: str) -> Folder:
        """A folder of a server as one user sees it: many servers show each user another tree."""
        base = "root" if self.path.startswith("/") else "home"
        return Folder(
            ("sftp", self.host.lower(), str(self.port), realm, base),
            self.path.strip("/"),
            "path" if self.path else "host",
        )

    @property
    def deletes(self) -> bool:
        """Not where it is write-only."""
        return self.access == "read-write"


SFTP = DestinationType(
    name="sftp",
    title="SFTP",
    summary="Files in a folder of a server that is reached by SSH.",
    category="file-based",
    delivery="atomic",
    accepts=("prospects", "customers", "datasets"),
    formats=("parquet", "json", "csv"),
    connection=SftpConnection,
    opens="reconciler.destinations.sftp:open_sftp",
    accounts=("sftp",),
    extra="sftp",
)
