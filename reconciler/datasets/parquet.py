"""Parquet files: footers checked against the declaration, and how to read each file so that all look the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl

from reconciler.datasets.base import Access
from reconciler.datasets.columns import column
from reconciler.datasets.fit import Step, Unfit, fit
from reconciler.datasets.numbered import names_in
from reconciler.datasets.problems import named, problem
from reconciler.datasets.s3_input import S3Input, s3_filesystem
from reconciler.datasets.streams import LONGEST_LINE, S3_SCHEME
from reconciler.errors import SourceError
from reconciler.values.pin import PinnedFile

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as papq

_AT_ONCE = 8
LARGE_GROUP = 192 * 2**20
"""Bytes in memory beyond which a row group isn't decoded at once but page by page."""
_BATCH = 65_536
_BATCH_BYTES = 64 * 2**20
_SWOLLEN = 128 * 2**20
_RATIO = 250


@dataclass(frozen=True, slots=True)
class Footer:
    """What a file's end says.

    `types`: its top-level columns, by the dataset's names. `groups`: of each row group, the rows, and about how many bytes the
    columns to read take in memory. `names`: in the file, of the columns whose name there is another. `there`: all of its columns.
    `limit`: bytes beyond which a row group is large.
    """

    file: PinnedFile
    rows: int
    types: Mapping[str, pa.DataType]
    groups: tuple[tuple[int, int], ...]
    names: Mapping[str, str]
    there: Mapping[str, pa.DataType]
    limit: int = LARGE_GROUP

    def written(self, name: str) -> str:
        """A column's name in the file."""
        return self.names.get(name, name)

    @property
    def size(self) -> int:
        """Bytes in memory of the whole file, estimated."""
        return sum(size for _, size in self.groups)

    @property
    def large(self) -> bool:
        """Whether a row group is too large to be decoded at once."""
        return any(size > self.limit for _, size in self.groups)


def footers(
    access: Access, files: Iterable[PinnedFile], read: frozenset[str], limit: int = LARGE_GROUP
) -> Iterator[Footer]:
    """Every file's footer, in order, a few at a time; `read`: the columns that will be. `limit`: see `Footer`.

    Raises `SourceError` F104, F105, F108, F116.
    """
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="footers") as pool:
        yield from pool.map(partial(_footer, access, read, limit), files)


def steps(
    footer: Footer, columns: Mapping[str, pl.DataType], optional: frozenset[str], *, lacking: bool = False
) -> dict[str, Step | None]:
    """How each column is made from the file; a column that isn't in it and may be missing isn't in the answer.

    `lacking`: fields of structs may be missing too, and are null.

    Raises `SourceError` F106, F107.
    """
    found: dict[str, Step | None] = {}
    where = named(footer.file.path)
    for name, declared in columns.items():
        if name not in footer.types:
            if name in optional:
                continue
            raise problem("F106", f"{where} has no column {name!r}.")
        try:
            found[name] = fit(footer.types[name], declared, name, lacking=lacking)
        except Unfit as unfit:
            if unfit.found is None:
                raise problem("F106", f"{where} has no field {unfit.path!r}.") from None
            raise problem("F107", f"{where}: {unfit.path!r} is {unfit.found}, declared as {unfit.declared}.") from None
    return found


def large_batches(access: Access, file: PinnedFile, columns: list[str]) -> Iterator[pl.DataFrame]:
    """A file with very large row groups, page by page: slower, in little memory. Raises `SourceError` F105."""
    import pyarrow as pa
    import pyarrow.parquet as papq

    where = access.uri(file.path)
    try:
        # A file this large may take longer to read than credentials live.
        source = S3Input(access, where) if where.startswith(S3_SCHEME) else where
        with papq.ParquetFile(source, buffer_size=2**20, pre_buffer=False) as opened:
            for batch in opened.iter_batches(_batch(opened.metadata, frozenset(columns)), columns=columns):
                frame = pl.from_arrow(batch)
                assert isinstance(frame, pl.DataFrame)
                yield frame
    except (pa.ArrowException, OSError) as error:
        raise torn(file, error) from error


def torn(file: PinnedFile, error: Exception) -> SourceError:
    """The error of a file that can't be decoded."""
    if isinstance(error, FileNotFoundError):
        return problem("F116", f"{named(file.path)} is gone.")
    if isinstance(error, PermissionError) or "ACCESS_DENIED" in str(error):
        return problem("F104", f"No permission to read {named(file.path)} (s3:GetObject in S3).")
    if "AWS Error" in str(error) or "object-store error" in str(error):
        return problem("F104", f"{named(file.path)} can't be read: the store failed or can't be reached.")
    return problem("F105", f"{named(file.path)} isn't a whole Parquet file.")


def _footer(access: Access, read: frozenset[str], limit: int, file: PinnedFile) -> Footer:
    metadata = _metadata(access, file)
    schema = metadata.schema.to_arrow_schema()
    types: dict[str, Any] = {}
    for field in schema:
        if field.name in types:
            raise problem("F108", f"{named(file.path)} has the column {field.name!r} twice.")
        types[field.name] = field.type
    if access.columns is None:
        return Footer(file, metadata.num_rows, types, _groups(file, metadata, types, read, limit), {}, types, limit)
    written = names_in(schema, access.columns, named(file.path))
    groups = _groups(file, metadata, types, frozenset(written[name] for name in read if name in written), limit)
    other = {name: here for name, here in written.items() if here != name}
    named_so = {name: types[here] for name, here in written.items()}
    return Footer(file, metadata.num_rows, named_so, groups, other, types, limit)


def _groups(
    file: PinnedFile, metadata: papq.FileMetaData, types: Mapping[str, Any], read: frozenset[str], limit: int
) -> tuple[tuple[int, int], ...]:
    width = sum(_width(kind) for name, kind in types.items() if name in read)
    found = []
    for index in range(metadata.num_row_groups):
        group = metadata.row_group(index)
        size = group.num_rows * width + group.total_byte_size
        if size > limit:
            # Only now is it worth to look at every column of a wide file.
            chunks = [group.column(number) for number in range(group.num_columns)]
            wanted = [chunk for chunk in chunks if _within(chunk.path_in_schema, read)]
            for chunk in wanted:
                _refuse_swollen(file, chunk)
            size = group.num_rows * width + sum(chunk.total_uncompressed_size for chunk in wanted)
        found.append((group.num_rows, size))
    return tuple(found)


def _refuse_swollen(file: PinnedFile, chunk: papq.ColumnChunkMetaData) -> None:
    """A column of a row group that no memory is meant for: pages of text may be as large as the whole of it."""
    size, stored = chunk.total_uncompressed_size, chunk.total_compressed_size
    where = f"A row group of {named(file.path)} has"
    if chunk.physical_type != "BYTE_ARRAY":
        return
    if size > _SWOLLEN and size > _RATIO * stored:
        raise problem("F111", f"{where} {stored:,} bytes of {chunk.path_in_schema!r} for {size:,} of text.")
    if size > LONGEST_LINE * max(1, chunk.num_values):
        raise too_long(file)


def too_long(file: PinnedFile) -> SourceError:
    """F110: a value that no line of text could hold either."""
    return problem("F110", f"A value in {named(file.path)} is longer than {LONGEST_LINE >> 20} MiB.")


def holds_too_long(frame: pl.DataFrame) -> bool:
    """Whether a value of text or bytes is longer than any that is read."""
    texts = [column(name).str.len_bytes().max() for name, kind in frame.schema.items() if kind == pl.String]
    texts += [column(name).bin.size().max() for name, kind in frame.schema.items() if kind == pl.Binary]
    longest = frame.select(pl.max_horizontal(texts)).item() if texts and frame.height else None
    return longest is not None and longest > LONGEST_LINE


def _batch(metadata: papq.FileMetaData, columns: frozenset[str]) -> int:
    """Rows that are decoded at once: fewer where values are large."""
    most = _BATCH
    for index in range(metadata.num_row_groups):
        group = metadata.row_group(index)
        chunks = (group.column(number) for number in range(group.num_columns))
        size = sum(each.total_uncompressed_size for each in chunks if _within(each.path_in_schema, columns))
        most = min(most, _BATCH_BYTES * group.num_rows // max(1, size))
    return max(1, most)


def _width(kind: Any) -> int:
    """Bytes of a value in memory, without its text and without knowing how long lists are."""
    import pyarrow.types as pat

    if pat.is_struct(kind):
        return sum(_width(kind.field(index).type) for index in range(kind.num_fields))
    if pat.is_list(kind) or pat.is_large_list(kind) or pat.is_fixed_size_list(kind) or pat.is_map(kind):
        return 8 + 2 * _width(kind.value_type if not pat.is_map(kind) else kind.item_type)
    return 8 if pat.is_integer(kind) or pat.is_floating(kind) or pat.is_temporal(kind) or pat.is_boolean(kind) else 16


def _within(path: str, columns: frozenset[str]) -> bool:
    """Whether a leaf belongs to one of the columns, whose names may hold dots themselves."""
    return any(path == name or path.startswith(f"{name}.") for name in columns)


def statistics_of(access: Access, file: PinnedFile, name: str) -> tuple[bool, object]:
    """Whether the footer tells the greatest value of a top-level column, and that value (None: all are null).

    Raises `SourceError` F104, F105, F116.
    """
    metadata = _metadata(access, file)
    if access.columns is not None:
        written = names_in(metadata.schema.to_arrow_schema(), access.columns, named(file.path))
        if name not in written:
            return True, None
        name = written[name]
    index = metadata.schema.to_arrow_schema().get_all_field_indices(name)
    leaves = [at for at in range(metadata.num_columns) if metadata.schema.column(at).path == name]
    if len(index) != 1 or len(leaves) != 1:
        return False, None
    greatest: Any = None
    for group in range(metadata.num_row_groups):
        about = metadata.row_group(group).column(leaves[0])
        found = about.statistics
        if found is None or not found.has_min_max:
            if found is not None and found.has_null_count and found.null_count == about.num_values:
                continue
            return False, None
        greatest = found.max if greatest is None else max(greatest, found.max)
    return True, greatest


def _metadata(access: Access, file: PinnedFile) -> papq.FileMetaData:
    import pyarrow as pa
    import pyarrow.parquet as papq

    where = access.uri(file.path)
    try:
        system = s3_filesystem(access) if where.startswith(S3_SCHEME) else None
        metadata = papq.read_metadata(where.removeprefix(S3_SCHEME), filesystem=system)
        metadata.schema.to_arrow_schema()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise torn(file, error) from error
    return metadata
