"""The token of a staged file: all that publishing needs, small and serialisable, so that any runner can roll forward."""

from __future__ import annotations

from typing import Literal

from reconciler.values.base import Value
from reconciler.values.slot import Instant


class Part(Value):
    """One uploaded part of a multipart upload: number from 1, the store's ETag and base64 checksum."""

    number: int
    etag: str
    checksum: str


class Content(Value):
    """What a file holds: `size` in bytes, `sha256` in hex."""

    size: int
    sha256: str


class StagedFile(Value):
    """A file that no reader can see yet.

    `name`: final path relative to the destination's path (POSIX). `staged`: where it waits (a relative path, or an upload id).
    `rows`: rows in it (0 for the manifest). `size`: bytes. `sha256`: hex, of the whole file. `checksum`: what the provider will report once
    complete (S3: composite), else empty. `parts`: for multipart uploads. `expires`: when the provider may have forgotten it; None: never.
    `at`: the provider's name for it as long as it waits, if that isn't `name`. `replaces`: what may have the name and give way to this
    file; None: nothing, since the name is this run's alone.
    `removed`: it holds keys of those who left, not rows.
    """

    name: str
    staged: str
    rows: int
    size: int
    sha256: str
    checksum: str = ""
    parts: tuple[Part, ...] = ()
    expires: Instant | None = None
    at: str | None = None
    replaces: tuple[Content, ...] | None = None
    removed: Literal[True] | None = None
