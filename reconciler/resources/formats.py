"""File formats of exports, and how their files are named and split."""

from __future__ import annotations

from typing import Annotated, Literal, Protocol, Self, TypeVar

from pydantic import Field, model_validator

from reconciler.values.base import Value

Char = Annotated[str, Field(min_length=1, max_length=1, pattern=r"^[ -~\t]$")]
Level = Annotated[
    int, Field(ge=1, le=19, description="gzip: 1 to 9. zstd: 1 to 19. Higher is slower and, as a rule, smaller.")
]
_HIGHEST = {"gzip": 9, "zstd": 19}


class _Compressed(Protocol):
    @property
    def compression(self) -> str: ...

    @property
    def compression_level(self) -> int | None: ...


_Form = TypeVar("_Form", bound=_Compressed)


def _of_compression(form: _Form) -> _Form:
    if form.compression_level is not None and form.compression_level > _HIGHEST.get(form.compression, 0):
        has = _HIGHEST.get(form.compression)
        said = f"has levels 1 to {has}" if has else "has no levels"
        raise ValueError(f"compressionLevel {form.compression_level} can't be: compression {form.compression} {said}")
    return form


class ParquetFormat(Value):
    """Parquet; nested types kept."""

    type: Literal["parquet"]
    compression: Literal["none", "snappy", "gzip", "zstd"] = "gzip"
    compression_level: Level | None = None

    _levels = model_validator(mode="after")(_of_compression)


class JsonFormat(Value):
    """JSON Lines in UTF-8; nested types kept."""

    type: Literal["json"]
    compression: Literal["none", "gzip", "zstd"] = "gzip"
    compression_level: Level | None = None

    _levels = model_validator(mode="after")(_of_compression)


class CsvFormat(Value):
    """CSV. `formulas: neutralise` puts an apostrophe before text that a spreadsheet would run (= + - @ tab, carriage return)."""

    type: Literal["csv"]
    compression: Literal["none", "gzip"] = "gzip"
    compression_level: Level | None = None
    delimiter: Char = ","
    quote: Char = '"'
    escape: Char | None = None
    null_value: Annotated[str, Field(max_length=64)] = ""
    empty_value: Annotated[str, Field(max_length=64)] = '""'
    header: bool = True
    encoding: Literal["utf-8", "utf-8-bom", "utf-16le", "iso-8859-1", "windows-1252"] = "utf-8"
    line_ending: Literal["lf", "crlf"] = "lf"
    formulas: Literal["neutralise", "raw"] = "neutralise"

    _levels = model_validator(mode="after")(_of_compression)

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        marks = [mark for mark in (self.delimiter, self.quote, self.escape) if mark is not None]
        if len(set(marks)) != len(marks):
            raise ValueError("a CSV format's delimiter, quote and escape must differ")
        for name, text in (("nullValue", self.null_value), ("emptyValue", self.empty_value)):
            if text != self.quote * 2 and any(char in text for char in [*marks, "\r", "\n"]):
                raise ValueError(f"{name} of a CSV format holds its delimiter, quote, escape or a line end")
        return self


Format = Annotated[ParquetFormat | JsonFormat | CsvFormat, Field(discriminator="type")]

DEFAULT_FOLDER = "{source_id}/exportTime={slot:%Y%m%d%H%M}"
FEED_FOLDER = "{source_id}/{feed}/exportTime={slot:%Y%m%d%H%M}"
DEFAULT_NAME = "part-{part}-{run_id}-c000.{ext}"


class Files(Value):
    """How an export is split and named. `maxBytes` is judged on what is written, so a file may pass it by one batch.

    `single`: one file whatever its size; the limits don't count. `replace`: one file under a fixed name, which each run of a full
    activation overwrites; where no row leaves, an empty file takes its place. `retain`: a number keeps so many of the newest exports at the
    destination, a duration (a number and s, m, h or d) those that left within it; older ones are deleted by the next run or apply.
    """

    max_rows: Annotated[int, Field(ge=1, le=1_000_000_000)] = 5_000_000
    max_bytes: Annotated[int, Field(ge=65_536, le=5_000_000_000_000)] | None = None
    single: bool = False
    when_empty: Literal["manifest", "file", "skip"] = "manifest"
    folder: Annotated[str, Field(min_length=1, max_length=512)] = DEFAULT_FOLDER
    name: Annotated[str, Field(min_length=1, max_length=255)] = DEFAULT_NAME
    replace: bool | None = None
    retain: (
        Annotated[int, Field(ge=1, le=10_000)] | Annotated[str, Field(pattern=r"^[1-9][0-9]{0,5}(s|m|h|d)$")] | None
    ) = None

    @property
    def one_file(self) -> bool:
        """Whether an export is one file whatever its size."""
        return self.single or bool(self.replace)

    @property
    def empty_file(self) -> bool:
        """Whether an export without rows has a file all the same."""
        return self.when_empty == "file" or bool(self.replace)

    def over(self, other: Files) -> Files:
        """What is written here, and for the rest what is written in `other`."""
        return other.model_copy(update={name: getattr(self, name) for name in self.model_fields_set})


def extension(fmt: ParquetFormat | JsonFormat | CsvFormat) -> str:
    """The file name's extension, without a leading dot, as the model lists them."""
    match fmt:
        case ParquetFormat():
            prefix = {"none": "", "gzip": "gz.", "snappy": "snappy.", "zstd": "zstd."}[fmt.compression]
            return f"{prefix}parquet"
        case JsonFormat():
            return "json" + {"none": "", "gzip": ".gz", "zstd": ".zst"}[fmt.compression]
        case CsvFormat():
            return "csv" + {"none": "", "gzip": ".gz"}[fmt.compression]
