"""The fingerprint of an OpenPGP public key, from its file: enough to say in a plan whose key it is, without any library.

Packets: RFC 9580, chapters 4 and 5; fingerprints: 5.5.4. Nothing is verified here: whether the key can be used is judged when it is.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from typing import Final

_BEGIN: Final = re.compile(rb"-----BEGIN PGP ([A-Z ]+)-----[^\n]*\n")
_END: Final = b"-----END PGP "
_PUBLIC, _PRIVATE = 6, (5, 7)


def fingerprint_in(content: bytes) -> str:
    """Upper-case hex, as gpg prints it, of the one public key in a file, binary or in ASCII armour.

    Raises ValueError: why it isn't one, with the mend. Never with what is in the file.
    """
    packets = list(_packets(_dearmoured(content)))
    if any(tag in _PRIVATE for tag, _ in packets):
        raise ValueError(_IS_PRIVATE)
    keys = [body for tag, body in packets if tag == _PUBLIC]
    if not keys or packets[0][0] != _PUBLIC:
        raise ValueError("It holds no OpenPGP public key. Write one there, as gpg --export --armor prints it.")
    if len(keys) > 1:
        raise ValueError(
            f"It holds {len(keys)} keys. Give each a file of its own, so that a review shows whose they are."
        )
    return _fingerprint(keys[0])


_IS_PRIVATE: Final = (
    "It holds a private key. Take it out of the project at once; here belongs what gpg --export --armor prints."
)


def _fingerprint(body: bytes) -> str:
    match body[0] if body else 0:
        case 4:
            return (
                hashlib.sha1(b"\x99" + len(body).to_bytes(2, "big") + body, usedforsecurity=False).hexdigest().upper()
            )
        case 6:
            return hashlib.sha256(b"\x9b" + len(body).to_bytes(4, "big") + body).hexdigest().upper()
        case _:
            raise ValueError("Its key is of a version that isn't used any more. Ask for a new one.")


def _dearmoured(content: bytes) -> bytes:
    begins = list(_BEGIN.finditer(content))
    if not begins:
        return content
    if any(b"PRIVATE" in each[1] for each in begins):
        raise ValueError(_IS_PRIVATE)
    parts = []
    for begin in begins:
        end = content.find(_END, begin.end())
        lines = content[begin.end() : end if end >= 0 else len(content)].splitlines()
        body = [line.strip() for line in lines if b":" not in line and not line.startswith(b"=")]
        try:
            parts.append(base64.b64decode(b"".join(body), validate=True))
        except binascii.Error:
            raise ValueError("Its ASCII armour is damaged. Copy it again, whole.") from None
    return b"".join(parts)


def _packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and body of each packet, as far as the data is OpenPGP."""
    at = 0
    while at < len(data):
        first = data[at]
        if not first & 0x80:
            return
        try:
            tag, start, length = _new(data, at) if first & 0x40 else _old(data, at)
        except IndexError:
            return
        yield tag, data[start : start + length]
        at = start + length


def _new(data: bytes, at: int) -> tuple[int, int, int]:
    tag, length = data[at] & 0x3F, data[at + 1]
    if length < 192:
        return tag, at + 2, length
    if length < 224:
        return tag, at + 3, ((length - 192) << 8) + data[at + 2] + 192
    if length == 255:
        return tag, at + 6, int.from_bytes(data[at + 2 : at + 6], "big")
    raise IndexError  # in parts: no packet of a key is


def _old(data: bytes, at: int) -> tuple[int, int, int]:
    tag, kind = data[at] >> 2 & 0xF, data[at] & 3
    if kind == 3:
        raise IndexError
    size = 1 << kind
    return tag, at + 1 + size, int.from_bytes(data[at + 1 : at + 1 + size], "big")
