"""The columns of CSV files: the header's names, the delimiter that tells them apart, and what their fields look like."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from typing import Final

from reconciler.datasets.infer_text import Texts
from reconciler.datasets.names import twin
from reconciler.datasets.problems import named, problem
from reconciler.values.pin import PinnedFile

_DATA: Final = re.compile(
    r"[^@\s]+@[^@\s]+\.[^@\s]+|[-+]?[\d., ]*\d[\d., ]*([eE][-+]?\d+)?|\+?[\d ()/-]{6,}|\d{4}-\d\d-\d\d([T ].*)?"
)
"""An e-mail address, a number, a telephone number, a date: values, hardly names of columns."""
DELIMITERS: Final = (",", ";", "\t", "|")


class Fields:
    """The columns of all files so far, and `headers`: how many files named each."""

    def __init__(self) -> None:
        self.delimiter = ""
        self.columns: dict[str, Texts] = {}
        self.headers: dict[str, int] = {}
        self.files = 0

    def add(self, sample: bytes, whole: bool, file: PinnedFile) -> None:
        """Adds a file's beginning; `whole`: it is all of the file. Raises `SourceError` F105, F108, F110."""
        records = self._records(sample.removeprefix(b"\xef\xbb\xbf"), whole, file)
        header = next(records, None)
        if header is None:
            raise problem("F105", f"{named(file.path)} is empty: it doesn't even have a header.")
        _check(header, file)
        self.files += 1
        for name in header:
            self.headers[name] = self.headers.get(name, 0) + 1
        texts = [self.columns.setdefault(name, Texts()) for name in header]
        for number, row in enumerate(records, 2):
            if not row:
                continue
            if len(row) != len(header):
                place = f"Row {number} of {named(file.path)} (the header is row 1)"
                raise problem("F110", f"{place} has {len(row)} fields, not {len(header)}, split at {self.delimiter!r}.")
            for text, field in zip(texts, row, strict=True):
                if field:
                    text.add(field)

    def lacking(self) -> set[str]:
        """Columns that some file doesn't have."""
        return {name for name, count in self.headers.items() if count < self.files}

    def _records(self, sample: bytes, whole: bool, file: PinnedFile) -> _Rows:
        try:
            text = sample.decode("utf-8")
        except UnicodeDecodeError as error:
            if whole or error.start < len(sample) - 4:
                raise problem("F105", f"{named(file.path)} isn't UTF-8.") from None
            text = sample[: error.start].decode("utf-8")
        if not self.delimiter:
            self.delimiter = _delimiter(text)
        return _Rows(text, self.delimiter, whole, file)


def _check(header: list[str], file: PinnedFile) -> None:
    """Nothing of the line is repeated, nor are its names used: in a file without a header it is about somebody."""
    for at, name in enumerate(header, 1):
        if _DATA.fullmatch(name.strip()):
            raise problem("F122", f"Column {at} of {named(file.path)} is named like a value. Give the file a header.")
    if twice := twin(header):
        raise problem("F108", f"{named(file.path)} names a column twice: columns {twice[0] + 1} and {twice[1] + 1}.")


class _Rows:
    """Records one by one. A sample that isn't whole may end inside of its last record, which is left out then."""

    def __init__(self, text: str, delimiter: str, whole: bool, file: PinnedFile) -> None:
        self._reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        self._file = file
        self._whole = whole
        self._cut = not whole
        self._next = self._read()

    def __iter__(self) -> _Rows:
        return self

    def __next__(self) -> list[str]:
        row = self._next
        if row is None:
            raise StopIteration
        self._next = self._read()
        if self._next is None and self._cut:
            raise StopIteration
        return row

    def _read(self) -> list[str] | None:
        try:
            return next(self._reader, None)
        except csv.Error as error:
            # A field beyond Python's own limit isn't wrong: what came before it is enough.
            if self._whole and "field larger" not in str(error):
                where = f"row {self._reader.line_num}"
                raise problem("F110", f"{named(self._file.path)} isn't CSV from {where} on.") from None
            self._cut = False
            return None


def _delimiter(text: str) -> str:
    """The one that gives the header the most fields; a comma where none does."""
    counts: Mapping[str, int] = {each: _width(text, each) for each in DELIMITERS}
    return max(DELIMITERS, key=lambda each: counts[each])


def _width(text: str, delimiter: str) -> int:
    try:
        return len(next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), []))
    except csv.Error:
        return 0
