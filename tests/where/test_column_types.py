"""The type language: what it reads, how it writes, what it says of the rest."""

from __future__ import annotations

import pytest

from reconciler.values.types import Decimal, Flat, ListOf, Struct, parse_type

SOUND = {
    "string": (Flat("string"), "string"),
    " decimal ( 10 , 2 ) ": (Decimal(10, 2), "decimal(10,2)"),
    "list<int>": (ListOf(Flat("int")), "list<int>"),
    "list<list<date>>": (ListOf(ListOf(Flat("date"))), "list<list<date>>"),
    "struct<a:int,b : list<string>>": (
        Struct((("a", Flat("int")), ("b", ListOf(Flat("string"))))),
        "struct<a: int, b: list<string>>",
    ),
    'struct<"a ""b":int>': (Struct((('a "b', Flat("int")),)), 'struct<"a ""b": int>'),
}

REFUSED = {
    "strng": "Did you mean string?",
    "String": "Did you mean string?",
    "bigint": "Did you mean long?",
    "decimal": "Did you mean decimal(10,2)?",
    "list": "Did you mean list<string>?",
    "zebra": "Types: string",
    "": "ends too early",
    "list<int": "ends too early",
    "list<int>>": "nothing may follow",
    "decimal(39,2)": "1 to 38",
    "decimal(2,3)": "after the point",
    "decimal(0,0)": "1 to 38",
    "decimal(x,2)": "a number belongs",
    "decimal(10,2": "ends too early",
    "struct<>": "name: type",
    "struct<a: int, a: int>": "two fields 'a'",
    "struct<*: int>": "can't be named",
    "struct<^a$: int>": "can't be named",
    'struct<"": int>': "can't be named",
    "struct<a: int; b: int>": "',' or '>'",
    "list<" * 17 + "int" + ">" * 17: "16 levels",
    "list<" * 100_000: "16 levels",
}


@pytest.mark.parametrize("text", SOUND)
def test_reads_and_writes(text: str) -> None:
    found, written = SOUND[text]
    assert parse_type(text) == found
    assert str(found) == written
    assert parse_type(written) == found


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:30])
def test_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_type(text)
    assert REFUSED[text] in str(caught.value)
    assert len(str(caught.value)) < 200


def test_sixteen_levels_are_read() -> None:
    assert str(parse_type("list<" * 15 + "int" + ">" * 15)).count("list") == 15
