"""Thrift's compact protocol, as far as a Parquet footer needs it: a structure is read, changed and written again, known or not.

A structure is a dict of field number to (type, value); a list is (type of its items, items). Source: the Thrift compact protocol
specification, and the Parquet format's `parquet.thrift`, whose footer has no maps.
"""

from __future__ import annotations

from typing import Any

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, _MAP, STRUCT = range(1, 13)
Struct = dict[int, tuple[int, Any]]


def read_struct(data: bytes) -> Struct:
    """The structure at the beginning. Raises ValueError, IndexError where it isn't one."""
    return _Reader(data).struct()


def struct_bytes(struct: Struct) -> bytes:
    """The structure as bytes."""
    out = bytearray()
    _write_struct(out, struct)
    return bytes(out)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def struct(self) -> Struct:
        found: Struct = {}
        field = 0
        while head := self._byte():
            kind, step = head & 15, head >> 4
            field = field + step if step else _signed(self._number())
            found[field] = (kind, self._value(kind))
        return found

    def _value(self, kind: int, *, item: bool = False) -> Any:
        match kind:
            case 1 | 2:
                return self._byte() if item else kind
            case 3:
                return self._byte()
            case 4 | 5 | 6:
                return _signed(self._number())
            case 7:
                return self._bytes(8)
            case 8:
                return self._bytes(self._number())
            case 9 | 10:
                return self._list()
            case 12:
                return self.struct()
            case _:
                raise ValueError(f"type {kind} has no place in a footer")

    def _list(self) -> tuple[int, list[Any]]:
        head = self._byte()
        count = head >> 4
        if count == 15:
            count = self._number()
        return head & 15, [self._value(head & 15, item=True) for _ in range(count)]

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _bytes(self, count: int) -> bytes:
        found = self._data[self._at : self._at + count]
        if len(found) < count:
            raise ValueError("the footer ends early")
        self._at += count
        return found

    def _number(self) -> int:
        found = shift = 0
        while True:
            byte = self._byte()
            found |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return found


def _write_struct(out: bytearray, struct: Struct) -> None:
    last = 0
    for field, (kind, value) in sorted(struct.items()):
        if 0 < field - last < 16:
            out.append((field - last) << 4 | kind)
        else:
            out.append(kind)
            _write_number(out, _zigzag(field))
        last = field
        _write_value(out, kind, value)
    out.append(0)


def _write_value(out: bytearray, kind: int, value: Any, *, item: bool = False) -> None:
    match kind:
        case 1 | 2:
            if item:
                out.append(value)
        case 3:
            out.append(value)
        case 4 | 5 | 6:
            _write_number(out, _zigzag(value))
        case 7:
            out += value
        case 8:
            _write_number(out, len(value))
            out += value
        case 9 | 10:
            of, items = value
            out.append(min(len(items), 15) << 4 | of)
            if len(items) >= 15:
                _write_number(out, len(items))
            for each in items:
                _write_value(out, of, each, item=True)
        case _:
            _write_struct(out, value)


def _write_number(out: bytearray, value: int) -> None:
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)


def _zigzag(value: int) -> int:
    return value << 1 if value >= 0 else (-value << 1) - 1


def _signed(number: int) -> int:
    return (number >> 1) ^ -(number & 1)
