"""Packages with destination types, written to a folder as an installer leaves them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.catalog import plugins

PARCEL = """
from reconciler.catalog.base import Connection, DestinationType, Folder
from reconciler.resources.secrets import SecretRef


class ParcelConnection(Connection):
    '''A locker.'''

    locker: int
    code: SecretRef | None = None
    keys: tuple[SecretRef, ...] = ()
    by_hour: dict[str, SecretRef] = {}

    def url(self):
        return f"parcel:{self.locker}"

    def folder(self, realm):
        return Folder(("parcel",), str(self.locker), "locker")


PARCEL = DestinationType(
    name="parcel",
    title="Parcel lockers",
    summary="Files in a locker.",
    category="file-based",
    delivery="atomic",
    accepts=("prospects", "datasets"),
    formats=("csv",),
    connection=ParcelConnection,
    opens="acme_parcel.lockers:open_locker",
)
"""


def install(folder: Path, name: str, module: str, entries: str, text: str = PARCEL, version: str = "1.0") -> Path:
    """`entries`: lines of the group; `text`: the module's."""
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[{plugins.GROUP}]\n{entries}\n")
    (folder / f"{module}.py").write_text(text)
    return folder


@contextmanager
def environment(folder: Path) -> Iterator[pytest.MonkeyPatch]:
    """While the folder's packages are installed here."""
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        forget()
        yield patch
    forget()
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
            del sys.modules[name]


def forget() -> None:
    """What is installed is looked up anew."""
    plugins.installed.cache_clear()
    plugins.find.cache_clear()
