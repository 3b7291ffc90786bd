"""What a data file's path says: whether it is data, and which columns its folders supply."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal
from urllib.parse import unquote

from reconciler.datasets.problems import problem
from reconciler.errors import SourceError

DataFormat = Literal["parquet", "csv", "json"]
Compression = Literal["none", "gzip", "zstd"]

DELTA_LOG = "_delta_log"
NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"
_ENDINGS: Mapping[DataFormat, tuple[str, ...]] = MappingProxyType(
    {"parquet": (".parquet",), "csv": (".csv",), "json": (".json", ".jsonl", ".ndjson")}
)
_COMPRESSED: Mapping[str, Compression] = MappingProxyType({".gz": "gzip", ".zst": "zstd"})


def visible(path: str) -> bool:
    """False where the name, or a folder on the way, begins with `_` or `.`: markers and files being written."""
    return not any(part.startswith(("_", ".")) for part in path.split("/"))


def no_table(location: str) -> SourceError:
    """The error of a table that is declared as plain files."""
    detail = f"{location} has a {DELTA_LOG} folder: a Delta Lake table, with files in it that don't count any more. Write format: delta."
    return problem("F135", detail)


def check_name(path: str, fmt: DataFormat) -> None:
    """Refuses (F102) a file whose name doesn't end as the format's do, or isn't text.

    Parquet files may have no extension: some writers give none. Names that aren't UTF-8 have no form in the ledger.
    """
    try:
        path.encode()
    except UnicodeEncodeError:
        shown = path.encode("utf-8", "backslashreplace").decode()
        raise problem("F102", f"The name of {shown!r} isn't UTF-8. Rename it.") from None
    name = path.rsplit("/", 1)[-1].lower()
    stem, _ = _split(name)
    known = _ENDINGS[fmt]
    if fmt == "parquet":
        if name.endswith(known) or "." not in name:
            return
        raise problem("F102", f"{path!r} doesn't end in .parquet, and the dataset is declared as parquet.")
    if not stem.endswith(known):
        raise problem(
            "F102",
            f"{path!r} doesn't end in {', '.join(known)} (or one of these and .gz or .zst); the dataset's format is "
            f"{fmt}.",
        )


def compression(path: str) -> Compression:
    """How a text file is compressed, by its name."""
    return _split(path.lower())[1]


def partitions(path: str) -> Mapping[str, str | None]:
    """What `column=value` folders of a path relative to the location say, percent-decoded. None for Hive's null.

    Raises `SourceError` (F113) where one path names a column twice.
    """
    found: dict[str, str | None] = {}
    for folder in path.split("/")[:-1]:
        key, equals, value = folder.partition("=")
        if not equals or not key:
            continue
        column = unquote(key)
        if column in found:
            raise problem("F113", f"{without(path, column)!r} names the column {column!r} twice.")
        found[column] = None if value == NULL_PARTITION else unquote(value)
    return found


def without(path: str, column: str) -> str:
    """A path for a message without the values that it gives to a column: they aren't what was meant, so they may be anything."""
    shown = [
        f"{each.partition('=')[0]}=…" if unquote(each.partition("=")[0]) == column else each
        for each in path.split("/")[:-1]
    ]
    return "/".join([*shown, path.rsplit("/", 1)[-1]])


def twin(header: list[str]) -> tuple[int, int] | None:
    """The first two columns of one name, from 0."""
    seen: dict[str, int] = {}
    for at, name in enumerate(header):
        if name in seen:
            return seen[name], at
        seen[name] = at
    return None


def _split(name: str) -> tuple[str, Compression]:
    for ending, kind in _COMPRESSED.items():
        if name.endswith(ending):
            return name.removesuffix(ending), kind
    return name, "none"
