"""Well-typed trees at random, and rows for them with what is awkward in every type."""

from __future__ import annotations

import datetime
import decimal
import itertools
import random
from collections.abc import Callable

import duckdb
import polars as pl
from hypothesis import strategies as st

from reconciler.datasets.types import polars_type
from reconciler.values.types import Decimal
from reconciler.where import tree as t
from reconciler.where.kinds import BOOLEAN, DATE, DOUBLE, INT, LONG, STRING, TIMESTAMP

UTC = datetime.UTC
TYPES = {
    "name": "string", "other": "string", "active": "boolean", "sure": "boolean", "age": "int", "big": "long", "small": "long",
    "score": "double", "rate": "double", "single": "float", "price": "decimal(10,2)", "wide": "decimal(38,6)",
    "tiny": "decimal(4,4)", "born": "date", "joined": "date", "seen": "timestamp", "left": "timestamp", "tags": "list<string>",
    "sizes": "list<int>", "costs": "list<decimal(6,2)>", "marks": "list<double>", "days": "list<date>", "times": "list<timestamp>",
    "home": 'struct<city: string, "no": int, geo: struct<lat: double, at: timestamp>, list: list<string>>',
    "visits": "list<struct<page: string, score: double>>", "grid": "list<list<int>>",
}  # fmt: skip
WORDS = [
    "DE", "de", " US ", "O'Hara", "", "ä_%\n", "50%", "straße", "STRASSE", "x.z", "e\u0301", "\u00e9", "ΑΣ", "İstanbul", "ǅ", "ﬁn",
    "a" * 5_000, "\U0001f469\u200d\U0001f4bb", "a@b@c", "@", "12", "-7", "+0012.50", "1e3", "NaN", "-inf", "99999999999", "1e400", ".5",
    "true", "F", "1", "2024-02-29", "2023-02-29", "0000-01-01", "2024-02-29T23:59:59.1234567+01:00", "2024-02-29 10:00", "2024-02-29T24:00",
    "2024-02-29T23:59:60Z", "0.00004", "-00.5000", "\t", "\u00a0x", "\\", "a\\b", "'", '"', "$1", "ſ", "K", "ŉ", "ß", "i\u0307",
]  # fmt: skip
_NUMBERS = [0, 1, -1, 2, -5, 7, 18, 100, 2**31 - 1, -(2**31)]
_LONGS = [*_NUMBERS, 2**63 - 1, -(2**63), 2**53 + 1, 10**18]
_DOUBLES = [0.0, -0.0, 0.1, 0.5, -0.5, 1.5, 2.5, -1.5, 1e10, 1e308, -1e308, 5e-324, float("nan"), float("inf"), float("-inf"), 18.0,
            0.30000000000000004, 0.49999999999999994, 2.0**63, 123456789.125]  # fmt: skip
_DATES = [
    datetime.date(*each)
    for each in ((2024, 2, 29), (2024, 1, 31), (2026, 1, 1), (1969, 12, 31), (1, 1, 1), (9999, 12, 31))
]
_TIMES = [datetime.datetime(*each, tzinfo=UTC) for each in (
    (2026, 1, 1), (2025, 12, 31, 23, 59, 59, 999999), (2024, 2, 29, 12, 30), (1969, 12, 31, 23, 0, 1), (1, 1, 1),
    (9999, 12, 31, 23, 59, 59, 999999),
)]  # fmt: skip
_PRICES = [decimal.Decimal(each) for each in ("0.10", "-12.50", "99999999.99", "18.00", "0.00", "-0.05", "2.50")]
_WIDES = [
    decimal.Decimal(each)
    for each in ("0.000001", "-" + "9" * 32 + ".999999", "9" * 32 + ".999999", "18", "-2.5", "0.5", "0")
]
_TINIES = [decimal.Decimal(each) for each in ("0.5000", "-0.9999", "0.0001", "0")]
VALUES: dict[str, list[object]] = {
    "name": [*WORDS], "other": [*WORDS], "active": [True, False], "sure": [True, False], "age": [*_NUMBERS], "big": [*_LONGS],
    "small": [*_NUMBERS], "score": [*_DOUBLES], "rate": [*_DOUBLES], "single": [0.1, 0.7, 2.0, -1.5, float("nan"), float("inf"), -0.0],
    "price": [*_PRICES], "wide": [*_WIDES], "tiny": [*_TINIES], "born": [*_DATES], "joined": [*_DATES], "seen": [*_TIMES],
    "left": [*_TIMES],
    "tags": [[], ["DE"], ["x", None], [None], ["", "de", "DE"]], "sizes": [[], [1, None], [18, 7], [None]],
    "costs": [[], [decimal.Decimal("2.50")], [decimal.Decimal("-0.05"), None]],
    "marks": [[], [0.5, float("nan")], [-0.0], [float("inf"), None]],
    "days": [[], [datetime.date(2024, 2, 29)], [None]], "times": [[], [_TIMES[0]], [_TIMES[2], None]],
    "home": [
        {"city": "Wien", "no": 7, "geo": {"lat": 0.5, "at": _TIMES[0]}, "list": ["DE"]},
        {"city": None, "no": None, "geo": None, "list": None},
        {"city": "", "no": -1, "geo": {"lat": float("nan"), "at": None}, "list": []},
    ],
    "visits": [[], [{"page": "a", "score": float("nan")}, {"page": None, "score": None}], [None]], "grid": [[], [[1, None], None, []]],
}  # fmt: skip
FAR = {"born": [5_000_000, -1_000_000], "seen": [260_000_000_000_000_000, -100_000_000_000_000_000]}
"""Days and microseconds that Python has no date for."""
_BY_KIND = {
    STRING: [("name",), ("other",), ("home", "city")], BOOLEAN: [("active",), ("sure",)],
    INT: [("age",), ("home", "no")], LONG: [("big",), ("small",)], DOUBLE: [("score",), ("rate",), ("single",), ("home", "geo", "lat")],
    DATE: [("born",), ("joined",)], TIMESTAMP: [("seen",), ("left",), ("home", "geo", "at")],
}  # fmt: skip
_COUNTED = [("tags",), ("sizes",), ("home", "list"), ("visits",), ("grid",)]
_LISTS = {"tags": STRING, "sizes": INT, "costs": Decimal(6, 2), "marks": DOUBLE, "days": DATE, "times": TIMESTAMP}


def _text(chance: random.Random) -> str:
    """Text of any characters, a surrogate apart; now and then very long."""
    length = chance.choice([1, 2, 5, 20] * 25 + [50_000])
    planes = [(0x20, 0x7E), (0xA0, 0x24F), (0x300, 0x36F), (0x370, 0x5FF), (0x4E00, 0x4FFF), (0x1F300, 0x1FAFF)]
    drawn = "".join(chr(chance.randint(*chance.choice(planes))) for _ in range(min(length, 40)))
    return drawn * -(-length // 40) if length > 40 else drawn


def _scaled(digits: int, scale: int) -> Callable[[random.Random], decimal.Decimal]:
    def made(chance: random.Random) -> decimal.Decimal:
        whole = chance.randint(-(10**digits) + 1, 10**digits - 1) // 10 ** chance.randint(0, digits - 1)
        return decimal.Decimal(whole).scaleb(-scale, decimal.Context(prec=80))

    return made


def _instant(chance: random.Random) -> datetime.datetime:
    """A moment of any year that Python knows, to the microsecond."""
    return datetime.datetime(1, 1, 1, tzinfo=UTC) + datetime.timedelta(
        days=chance.randint(0, 3_652_058), microseconds=chance.randint(0, 86_399_999_999)
    )


_DRAWN: dict[str, Callable[[random.Random], object]] = {
    "string": _text, "int": lambda chance: chance.randint(-(2**31), 2**31 - 1) >> chance.randint(0, 31),
    "long": lambda chance: chance.randint(-(2**63), 2**63 - 1) >> chance.randint(0, 63),
    "double": lambda chance: chance.uniform(-1, 1) * 10.0 ** chance.randint(-300, 300), "decimal(10,2)": _scaled(10, 2),
    "decimal(38,6)": _scaled(38, 6), "decimal(4,4)": _scaled(4, 4), "date": lambda chance: _instant(chance).date(), "timestamp": _instant,
}  # fmt: skip
"""Any value of a type, beside those that are known to be awkward."""


def rows(count: int = 400, seed: int = 7) -> pl.DataFrame:
    """Rows in which values, nulls among them, meet at random: awkward ones, and in a third of all places any others."""
    chance = random.Random(seed)

    def value(name: str) -> object:
        drawn = _DRAWN.get(TYPES[name])
        return drawn(chance) if drawn and chance.random() < 0.33 else chance.choice([None, *VALUES[name]])

    data = {name: [value(name) for _ in range(count)] for name in TYPES}
    frame = pl.DataFrame(data, schema={name: polars_type(of) for name, of in TYPES.items()})
    for name, far in FAR.items():
        given = pl.Series(list(itertools.islice(itertools.cycle([*[None] * 9, *far]), count)), dtype=pl.Int64)
        moments = given.cast(pl.Int32).cast(pl.Date) if name == "born" else given.cast(frame.schema[name])
        frame = frame.with_columns(pl.coalesce(moments, pl.col(name)).alias(name))
    return frame


def connected(rows: pl.DataFrame) -> duckdb.DuckDBPyConnection:
    """A database with the rows as its table `people`, `row` their order; in a time zone that must not matter."""
    connection = duckdb.connect(config={"enable_external_access": "false"})
    connection.execute("SET TimeZone = 'Asia/Kathmandu'")
    connection.register("view_of_rows", rows.with_row_index("row").to_arrow())
    connection.execute("CREATE TABLE people AS SELECT * FROM view_of_rows")
    return connection


def _column(paths: list[tuple[str, ...]]) -> st.SearchStrategy[t.Tree]:
    return st.sampled_from(paths).map(lambda path: t.Column(path[0], path[1:]))


def _number() -> st.SearchStrategy[t.Tree]:
    whole = st.sampled_from([0, 1, 2, 7, 18, 100, 2**31, 2**63 - 1, 2**63]).map(t.Number)
    places = st.sampled_from(["0.1", "0.5", "0.50", "2.5", "12.50", "0.000001", "0.30000000000000004"])
    return st.one_of(whole, places.map(lambda text: t.Number(decimal.Decimal(text))))


_texts = st.sampled_from([each for each in WORDS if len(each) < 100]).map(t.Text)
_dates = st.sampled_from(_DATES).map(t.Date)
_times = st.sampled_from(_TIMES).map(t.Timestamp)
_HOLD = ["STARTS_WITH", "ENDS_WITH", "CONTAINS"]
_REGEX = ["^[a-z]+$", "\\d{2}", "ß|ä", "^.{2}$", "\\W", "^$"]
_CUT, _PUT = ["a", "$", "ß", "@"], ["", "$1", "\\1", "é"]
_small = st.integers(0, 5).map(t.Number)
_one = st.integers(1, 4).map(t.Number)


def _patterns() -> st.SearchStrategy[tuple[str | bool, ...]]:
    piece = st.one_of(st.booleans(), st.sampled_from(["a", "DE", "%", "_", "\\", "ß", "Σ", "'", "e\u0301"]))

    def joined(pieces: list[str | bool]) -> tuple[str | bool, ...]:
        found: list[str | bool] = []
        for each in pieces:
            if isinstance(each, str) and found and isinstance(found[-1], str):
                found[-1] += each
            else:
                found.append(each)
        return tuple(found)

    return st.lists(piece, max_size=4).map(joined)


def conditions(depth: int = 3) -> st.SearchStrategy[t.Tree]:
    """Conditions."""
    leaf = _column(_BY_KIND[BOOLEAN])
    if depth == 0:
        return st.one_of(leaf, st.booleans().map(t.Boolean))
    below = conditions(depth - 1)
    terms = st.lists(below, min_size=2, max_size=3).map(tuple)
    sides = _alike(depth - 1)
    return st.one_of(
        leaf,
        terms.map(_flat_and),
        terms.map(_flat_or),
        below.map(t.Not),
        st.builds(t.Is, below, st.booleans()),
        st.builds(t.Is, _any(depth - 1), st.none()),
        st.builds(lambda sign, pair: t.Compare(sign, *pair), st.sampled_from(["=", "<>", "<", "<=", ">", ">="]), sides),
        sides.map(lambda pair: t.Distinct(*pair)),
        st.builds(t.Compare, st.sampled_from(["=", "<>"]), below, below),
        _between(depth - 1),
        _in(depth - 1),
        st.builds(t.Like, texts(depth - 1), _patterns(), st.booleans()),
        st.builds(lambda name, a, b: t.Call(name, (a, b)), st.sampled_from(_HOLD), texts(depth - 1), texts(0)),
        st.builds(lambda a, p: t.Call("REGEXP_MATCHES", (a, t.Text(p))), texts(depth - 1), st.sampled_from(_REGEX)),
        _contains(depth - 1),
        st.builds(lambda a: t.Cast(a, BOOLEAN, True), texts(depth - 1)),
        _case(below, below),
        st.builds(lambda a, b: t.Call("COALESCE", (a, b)), below, below),
        st.builds(lambda a, b: t.Call("NULLIF", (a, b)), below, below),
    )  # fmt: skip


def texts(depth: int) -> st.SearchStrategy[t.Tree]:
    """Text."""
    leaf = st.one_of(_column(_BY_KIND[STRING]), _texts)
    if depth == 0:
        return leaf
    below = texts(depth - 1)
    return st.one_of(
        leaf,
        st.builds(lambda name, a: t.Call(name, (a,)), st.sampled_from(["LOWER", "UPPER", "TRIM", "LTRIM", "RTRIM"]), below),
        st.builds(lambda a, n, m: t.Call("SUBSTRING", (a, n, m)), below, _one, _small),
        st.builds(lambda a, n: t.Call("SUBSTRING", (a, n)), below, _one),
        st.builds(lambda name, a, n: t.Call(name, (a, n)), st.sampled_from(["LEFT", "RIGHT"]), below, _small),
        st.builds(lambda a, x, y: t.Call("REPLACE", (a, t.Text(x), t.Text(y))), below, st.sampled_from(_CUT), st.sampled_from(_PUT)),
        st.builds(lambda a, x, n: t.Call("SPLIT_PART", (a, t.Text(x), n)), below, st.sampled_from(["@", "a", ".", "aa"]), _one),
        st.builds(lambda a, b: t.Call("CONCAT", (a, b)), below, below),
        st.builds(t.Concat, below, below),
        st.builds(lambda a: t.Cast(a, STRING, False), st.one_of(exacts(depth - 1), dates(depth - 1), times(depth - 1), conditions(0))),
        _case(conditions(depth - 1), below),
        st.builds(lambda a, b: t.Call("COALESCE", (a, b)), below, below),
        st.builds(lambda a, b: t.Call("NULLIF", (a, b)), below, below),
    )  # fmt: skip


def exacts(depth: int) -> st.SearchStrategy[t.Tree]:
    """Exact numbers."""
    columns = [*_BY_KIND[INT], *_BY_KIND[LONG], ("price",), ("wide",), ("tiny",)]
    leaf = st.one_of(_column(columns), _number())
    if depth == 0:
        return leaf
    below = exacts(depth - 1)
    whole = st.one_of(_column([*_BY_KIND[INT], *_BY_KIND[LONG]]), _small)
    to = st.sampled_from([INT, LONG, Decimal(5, 2), Decimal(18, 4), Decimal(38, 10), Decimal(3, 3)])
    parts = ["YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "DOW", "ISODOW", "DOY", "ISOYEAR"]
    return st.one_of(
        leaf,
        st.builds(t.Negate, below),
        st.builds(t.Arithmetic, st.sampled_from(["+", "-", "*"]), below, leaf),
        st.builds(t.Arithmetic, st.just("%"), whole, whole),
        st.builds(t.Arithmetic, st.just("-"), dates(depth - 1), dates(0)),
        st.builds(lambda name, a: t.Call(name, (a,)), st.sampled_from(["ABS", "ROUND", "FLOOR", "CEIL"]), below),
        st.builds(lambda a, n: t.Call("ROUND", (a, n)), below, _small),
        st.builds(lambda a, of: t.Cast(a, of, True), st.one_of(below, floats(depth - 1), texts(depth - 1)), to),
        st.builds(lambda a: t.Cast(a, INT, False), conditions(0)),
        st.builds(lambda a: t.Call("LENGTH", (a,)), st.one_of(texts(depth - 1), _column(_COUNTED))),
        st.builds(t.Extract, st.sampled_from(parts), st.one_of(dates(depth - 1), times(depth - 1))),
        st.builds(t.Extract, st.sampled_from(["HOUR", "MINUTE", "SECOND"]), times(depth - 1)),
        _case(conditions(depth - 1), below),
        st.builds(lambda a, b: t.Call("COALESCE", (a, b)), below, below),
        st.builds(lambda a, b: t.Call("NULLIF", (a, b)), below, below),
    )  # fmt: skip


def floats(depth: int) -> st.SearchStrategy[t.Tree]:
    """Floating numbers."""
    leaf = _column(_BY_KIND[DOUBLE])
    if depth == 0:
        return leaf
    below = floats(depth - 1)
    either = st.one_of(below, exacts(depth - 1))
    return st.one_of(
        leaf,
        st.builds(t.Negate, below),
        st.builds(t.Arithmetic, st.sampled_from(["+", "-", "*"]), below, either),
        st.builds(t.Arithmetic, st.just("/"), either, either),
        st.builds(lambda name, a: t.Call(name, (a,)), st.sampled_from(["ABS", "ROUND", "FLOOR", "CEIL"]), below),
        st.builds(lambda a, n: t.Call("ROUND", (a, n)), below, _small),
        st.builds(lambda a: t.Cast(a, DOUBLE, True), st.one_of(either, texts(depth - 1))),
        _case(conditions(depth - 1), either),
        st.builds(lambda a, b: t.Call("COALESCE", (a, b)), below, either),
    )  # fmt: skip


def dates(depth: int) -> st.SearchStrategy[t.Tree]:
    """Dates."""
    leaf = st.one_of(_column(_BY_KIND[DATE]), _dates)
    if depth == 0:
        return leaf
    below = dates(depth - 1)
    return st.one_of(
        leaf,
        st.builds(t.Shift, below, st.integers(-40, 40).filter(bool), st.sampled_from(["MONTH", "DAY"])),
        st.builds(t.Shift, below, st.sampled_from([120_000, -120_000]), st.just("MONTH")),
        st.builds(t.Truncate, st.sampled_from(["year", "quarter", "month", "week", "day"]), below),
        st.builds(lambda a: t.Cast(a, DATE, True), st.one_of(texts(0), times(depth - 1))),
        _case(conditions(depth - 1), below),
        st.builds(lambda a, b: t.Call("COALESCE", (a, b)), below, below),
    )  # fmt: skip


def times(depth: int) -> st.SearchStrategy[t.Tree]:
    """Timestamps."""
    leaf = st.one_of(_column(_BY_KIND[TIMESTAMP]), _times)
    if depth == 0:
        return leaf
    below = times(depth - 1)
    return st.one_of(
        leaf,
        st.builds(t.Shift, below, st.integers(-40, 40).filter(bool), st.sampled_from(["MONTH", "DAY", "SECOND"])),
        st.builds(t.Shift, dates(depth - 1), st.sampled_from([3600, -1]), st.just("SECOND")),
        st.builds(t.Truncate, st.sampled_from(["year", "quarter", "month", "week", "day", "hour", "minute", "second"]), below),
        st.builds(lambda a: t.Cast(a, TIMESTAMP, True), st.one_of(texts(0), dates(depth - 1))),
        st.builds(lambda a, b: t.Call("COALESCE", (a, b)), below, st.one_of(below, dates(depth - 1))),
    )  # fmt: skip


def _case(tests: st.SearchStrategy[t.Tree], results: st.SearchStrategy[t.Tree]) -> st.SearchStrategy[t.Tree]:
    last = st.one_of(st.none(), results)
    searched = st.lists(st.tuples(tests, results), min_size=1, max_size=3).map(tuple)
    return st.builds(lambda whens, otherwise: t.Case(None, whens, otherwise), searched, last)


def _alike(depth: int) -> st.SearchStrategy[tuple[t.Tree, t.Tree]]:
    number = st.one_of(exacts(depth), floats(depth))
    moment = st.one_of(dates(depth), times(depth))
    both = [st.tuples(each, each) for each in (texts(depth), number, moment)]
    return st.one_of(*both, st.tuples(st.just(t.Column("single")), _number()))


def _any(depth: int) -> st.SearchStrategy[t.Tree]:
    nested = _column([("tags",), ("home",), ("home", "geo"), ("marks",), ("visits",), ("grid",)])
    return st.one_of(nested, texts(depth), exacts(depth), floats(depth), dates(depth), times(depth))


def _between(depth: int) -> st.SearchStrategy[t.Tree]:
    return st.one_of(
        *(
            st.builds(t.Between, each, each, each)
            for each in (texts(depth), exacts(depth), floats(depth), st.one_of(dates(depth), times(depth)))
        )
    )


def _in(depth: int) -> st.SearchStrategy[t.Tree]:
    signed = st.one_of(_number(), _number().map(t.Negate))
    pairs = [
        (texts(depth), _texts),
        (exacts(depth), signed),
        (floats(depth), signed),
        (dates(depth), _dates),
        (times(depth), st.one_of(_times, _dates)),
    ]
    made = [st.builds(t.In, each, st.lists(values, min_size=1, max_size=3).map(tuple)) for each, values in pairs]
    simple = st.builds(lambda a, b: t.Case(a, ((b, t.Boolean(True)),), t.Boolean(False)), exacts(depth), floats(depth))
    return st.one_of(*made, simple)


def _contains(depth: int) -> st.SearchStrategy[t.Tree]:
    values = {
        STRING: texts(depth), INT: exacts(0), Decimal(6, 2): st.one_of(exacts(0), floats(0)), DOUBLE: st.one_of(floats(0), exacts(0)),
        DATE: st.one_of(dates(depth), times(0)), TIMESTAMP: times(depth),
    }  # fmt: skip
    return st.one_of(
        *(
            values[kind].map(lambda value, name=name: t.Call("CONTAINS", (t.Column(name), value)))
            for name, kind in _LISTS.items()
        )
    )


def _flat_and(terms: tuple[t.Tree, ...]) -> t.Tree:
    return t.And(tuple(inner for each in terms for inner in (each.terms if isinstance(each, t.And) else (each,))))


def _flat_or(terms: tuple[t.Tree, ...]) -> t.Tree:
    return t.Or(tuple(inner for each in terms for inner in (each.terms if isinstance(each, t.Or) else (each,))))
