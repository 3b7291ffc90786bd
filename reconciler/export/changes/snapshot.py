"""Snapshots: of everybody whom a flow's reader has, the digests of key and row, and the exported key, encrypted, where it is wanted.

A Parquet file, sorted by the key's digest: `a` and `b` are its halves, `r` the row's. `sealed` stands in the first row of each row
group: a nonce of 12 bytes, and the group's exported keys in Arrow's stream format under AES-256-GCM, bound to the run that made it and to
their place.
This is pseudonymous personal data.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import polars as pl

from reconciler.errors import StoreError

GROUP: Final = 65_536
"""Rows of a row group; all but the last are full."""
FORMAT: Final = 1
_META: Final = b"reconciler.snapshot"
_NONCE: Final = 12


class SnapshotWriter:
    """Takes frames of `a`, `b`, `r` and the columns of the exported key, sorted.

    `seal`: the key to encrypt the exported ones with; None: none are kept.
    """

    def __init__(self, path: Path, run_id: str, basis: str, seal: bytes | None) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._run_id = run_id
        self._cipher = _cipher(seal) if seal is not None else None
        fields = [(name, pa.uint64()) for name in ("a", "b", "r")]
        fields += [("sealed", pa.binary())] if self._cipher else []
        meta = {"format": FORMAT, "basis": basis, "run": run_id}
        self._schema = pa.schema(fields, metadata={_META: json.dumps(meta, sort_keys=True).encode()})
        self._file = _Digested(path)
        self._writer: Any = pq.ParquetWriter(
            self._file, self._schema, compression="none", use_dictionary=False, write_statistics=["a"]
        )
        self._waiting: list[pl.DataFrame] = []
        self._groups = 0
        self.rows = 0

    def write(self, frame: pl.DataFrame) -> None:
        """Frames follow each other in order."""
        self._waiting.append(frame)
        self.rows += frame.height
        if sum(each.height for each in self._waiting) >= GROUP:
            whole = pl.concat(self._waiting)
            full = whole.height // GROUP * GROUP
            for start in range(0, full, GROUP):
                self._group(whole.slice(start, GROUP))
            self._waiting = [whole.slice(full).clone()]

    def close(self) -> None:
        """Writes what is left and the footer."""
        with self._file:
            left = pl.concat(self._waiting) if self._waiting else None
            if left is not None and left.height:
                self._group(left)
            self._writer.close()

    def digest(self) -> str:
        """The file's hex SHA-256, once it is closed."""
        return self._file.sha256.hexdigest()

    def _group(self, frame: pl.DataFrame) -> None:
        import pyarrow as pa

        table = frame.select("a", "b", "r").to_arrow()
        if self._cipher is not None:
            sealed = self._sealed(self._cipher, frame.drop("a", "b", "r"))
            column = pa.array([sealed, *([None] * (frame.height - 1))], pa.binary())
            table = table.append_column("sealed", column)
        self._writer.write_table(table.cast(self._schema), row_group_size=GROUP)
        self._groups += 1

    def _sealed(self, cipher: Any, keys: pl.DataFrame) -> bytes:
        stream = io.BytesIO()
        keys.write_ipc_stream(stream, compression="lz4")
        nonce = os.urandom(_NONCE)
        return nonce + bytes(cipher.encrypt(nonce, stream.getvalue(), _place(self._run_id, self._groups)))


class _Digested(io.RawIOBase):
    """A new file for its owner alone, and what went into it."""

    def __init__(self, path: Path) -> None:
        self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")
        self.sha256 = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self.sha256.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        if not self._file.closed:
            self._file.flush()

    def close(self) -> None:
        self._file.close()
        super().close()


class Snapshot:
    """One that was written. `run_id`: of the run that made it."""

    def __init__(self, path: Path, run_id: str, basis: str) -> None:
        """Raises `StoreError` L143 where it isn't what its flow's cursor says."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._run_id = run_id
        try:
            self._file: Any = pq.ParquetFile(path)
            meta = json.loads((self._file.schema_arrow.metadata or {})[_META])
        except (pa.ArrowException, OSError, KeyError, ValueError) as error:
            raise _damaged(run_id) from error
        if meta != {"format": FORMAT, "basis": basis, "run": run_id}:
            raise _damaged(run_id)
        self.rows: int = self._file.metadata.num_rows
        self._next = 0
        self._held: pl.DataFrame | None = None

    def below(self, limit: int) -> pl.DataFrame:
        """The rows that weren't given yet whose `a` lies below the limit, with their place `at`, from 0."""
        found = [self._held] if self._held is not None else []
        self._held = None
        while self._next < self._file.num_row_groups and not (
            found and found[-1].height and found[-1]["a"][-1] >= limit
        ):
            table = self._file.read_row_group(self._next, columns=["a", "b", "r"])
            frame = pl.from_arrow(table)
            assert isinstance(frame, pl.DataFrame)
            found.append(frame.with_row_index("at", offset=self._next * GROUP))
            self._next += 1
        if not found:
            return pl.DataFrame(schema={"at": pl.get_index_type(), "a": pl.UInt64, "b": pl.UInt64, "r": pl.UInt64})
        rows = pl.concat(found)
        inside = int((rows["a"] < limit).sum()) if limit < 2**64 else rows.height
        self._held = rows.slice(inside)
        return rows.head(inside)

    def exported_keys(self, wanted: pl.DataFrame, seal: bytes) -> Iterator[pl.DataFrame]:
        """The exported keys at the places `at` (ascending), each with the other columns of `wanted`, a row group at a time.

        Raises `StoreError` L143 where they can't be decrypted.
        """
        from cryptography.exceptions import InvalidTag

        cipher = _cipher(seal)
        numbered = wanted.with_columns((pl.col("at") // GROUP).alias("group"))
        for (group,), part in numbered.partition_by(
            "group", as_dict=True, include_key=False, maintain_order=True
        ).items():
            number = int(group)
            sealed = self._file.read_row_group(number, columns=["sealed"])["sealed"][0].as_py()
            try:
                stream = cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _place(self._run_id, number))
            except (InvalidTag, TypeError) as error:
                raise _damaged(self._run_id) from error
            keys = pl.read_ipc_stream(io.BytesIO(stream))
            yield keys[part["at"] - number * GROUP].hstack(part.drop("at"))

    def close(self) -> None:
        self._file.close()


def _cipher(key: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def _place(run_id: str, group: int) -> bytes:
    return f"{run_id}/{group}".encode()


def _damaged(run_id: str) -> StoreError:
    return StoreError(
        "L143",
        "a snapshot of the ledger is missing or damaged",
        f"snapshots/{run_id} isn't what it was. Nothing was exported. Restore the store's object version, or start over with everything, "
        "which also makes a new one: reconcile export FLOW --full",
    )
