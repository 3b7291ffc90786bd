"""A real disk that is soon full: a small tmpfs, where tests may mount one."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PAGE = 4096


@dataclass(frozen=True)
class Disk:
    """A mounted file system."""

    root: Path

    def limit(self, *, pages: int | None = None, inodes: int | None = None) -> None:
        """Leaves so much room beyond what is in use now; None: plenty."""
        used = os.statvfs(self.root)
        blocks = used.f_blocks - used.f_bfree + pages if pages is not None else 25_000
        files = used.f_files - used.f_ffree + inodes if inodes is not None else 10_000
        _mount("-o", f"remount,size={max(blocks, 1) * PAGE},nr_inodes={files}", str(self.root))


@contextlib.contextmanager
def small_disk(root: Path) -> Iterator[Disk]:
    """An empty disk at `root`, until the block ends. Skips the test where mounting isn't allowed."""
    root.mkdir(parents=True, exist_ok=True)
    try:
        _mount("-t", "tmpfs", "-o", "size=64m,mode=755", "tmpfs", str(root))
    except (subprocess.CalledProcessError, FileNotFoundError, PermissionError):
        pytest.skip("mounting a small disk needs root")
    try:
        yield Disk(root)
    finally:
        subprocess.run(["umount", "-l", str(root)], check=True)


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)
