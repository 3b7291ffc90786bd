"""Copies within a container of Azure Blob Storage: to a name in one step, never over what wasn't seen there.

Up to 256 MiB by one request (Copy Blob From URL), which is done when it is answered. More goes up as blocks that the service reads itself
(Put Block From URL), committed on a condition.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from azure.core.exceptions import AzureError
from azure.storage.blob import BlobBlock, BlockState

from reconciler.destinations.azure_answers import Absent, Denied, NoBlocks, Unsure
from reconciler.destinations.objects import SHA256, Seen
from reconciler.values.staged import StagedFile

if TYPE_CHECKING:
    from reconciler.destinations.azure_blob import BlobStore


@dataclass(frozen=True, slots=True)
class Copying:
    """`at_once`: bytes that one Copy Blob From URL takes. `block`: bytes of the blocks of larger files; 50,000 of them are allowed."""

    at_once: int = 256 << 20
    block: int = 100 << 20


USUAL: Final = Copying()


def copy(store: BlobStore, source: str, target: str, file: StagedFile, over: Seen | None, how: Copying) -> str | None:
    """As `ObjectStore.move`, from a committed blob."""
    try:
        if file.size <= how.at_once:
            _in_one(store, source, target, over)
        else:
            _in_blocks(store, source, target, file, over, how.block)
    except AzureError as error:
        match store.means(error, "c (create)"):
            case Denied():
                return "something else took the name"
            case Absent() | NoBlocks():
                return "another runner is at it"
            case Unsure(why):
                return why
            case _:
                raise store.final(error, "c (create)") from error
    return None


def tidy(store: BlobStore, target: str, file: StagedFile) -> None:
    """Removes blocks that a slower runner copied here after the file was committed: with the blob gone some day, it could commit them.

    What waited is deleted before, so that no more of them can come.
    """
    client = store.blob(target)
    for _ in range(3):
        if not store.blocks(target):
            return
        there = store.look(target)
        if there is None or there.sha256 != file.sha256:
            return  # the recipient took it
        try:
            committed, _ = client.get_block_list("committed")
            client.commit_block_list(
                [BlobBlock(block.id, state=BlockState.COMMITTED) for block in committed],
                metadata={SHA256: file.sha256},
                **store.condition(there),
            )
        except AzureError as error:
            if not isinstance(store.means(error, "w (write)"), Denied | Absent):
                raise store.final(error, "w (write)") from error


def _from(store: BlobStore, source: str) -> tuple[str, dict[str, Any]]:
    """Where the service reads, and with which authorization."""
    url, authorization = store.readable(source)
    return url, {"source_authorization": authorization} if authorization else {}


def _in_one(store: BlobStore, source: str, target: str, over: Seen | None) -> None:
    url, more = _from(store, source)
    store.blob(target, once=True).start_copy_from_url(url, requires_sync=True, **store.condition(over), **more)


def _in_blocks(store: BlobStore, source: str, target: str, file: StagedFile, over: Seen | None, size: int) -> None:
    mine = secrets.token_hex(8)  # so that no other runner's blocks are taken for ours
    blocks: list[BlobBlock] = []
    for at in range(0, file.size, size):
        url, more = _from(store, source)
        block = base64.b64encode(f"{mine}{len(blocks):06}".encode()).decode()
        store.blob(target).stage_block_from_url(block, url, at, min(size, file.size - at), **more)
        blocks.append(BlobBlock(block, state=BlockState.UNCOMMITTED))
    store.blob(target, once=True).commit_block_list(blocks, metadata={SHA256: file.sha256}, **store.condition(over))
