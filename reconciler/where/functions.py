"""The functions of expressions: their names, what they take and what they mean.

`arguments`: of which arguments of the SQL parser's node they are made, in order; `least` and `most` of them are given.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from reconciler.where import tree as t


@dataclass(frozen=True, slots=True)
class Function:
    """One function. `node`: the parser's class, where it has one; `names`: other names that mean the same."""

    name: t.Function
    takes: str
    meaning: str
    example: str
    least: int
    most: int
    node: str = ""
    arguments: tuple[str, ...] = ("this", "expression")
    names: tuple[str, ...] = ()


_ONE = ("this", "expression")
_UNBOUNDED = 1_000
FUNCTIONS = (
    Function("LOWER", "text", "Small letters, each letter by itself.", "LOWER(country) = 'de'", 1, 1, "Lower", _ONE, ("LCASE",)),
    Function("UPPER", "text", "Capital letters; `ß` becomes `SS`.", "UPPER(country) = 'DE'", 1, 1, "Upper", _ONE, ("UCASE",)),
    Function("TRIM", "text", "Without spaces (U+0020 alone) at both ends.", "TRIM(country) = 'DE'", 1, 1, "Trim"),
    Function("LTRIM", "text", "Without spaces at the start.", "LTRIM(country) = 'DE'", 1, 1),
    Function("RTRIM", "text", "Without spaces at the end.", "RTRIM(country) = 'DE'", 1, 1),
    Function(
        "LENGTH", "text or list", "How many characters (Unicode code points), or elements.", "LENGTH(postcode) = 5",
        1, 1, "Length", ("this", "binary", "encoding"), ("LEN", "CHAR_LENGTH", "CHARACTER_LENGTH"),
    ),
    Function(
        "SUBSTRING", "text, start, length", "From the character number `start` (the first is 1) on, `length` of them or all. "
        "Both are written out.", "SUBSTRING(postcode, 1, 2) = '10'", 2, 3, "Substring", ("this", "start", "length"), ("SUBSTR",),
    ),
    Function("LEFT", "text, number", "So many characters of the start.", "LEFT(postcode, 1) IN ('1', '2')", 2, 2, "Left"),
    Function("RIGHT", "text, number", "So many characters of the end.", "RIGHT(email, 3) = '.de'", 2, 2, "Right"),
    Function(
        "REPLACE", "text, what, by", "Every `what` replaced by `by`; both are written out.",
        "REPLACE(postcode, ' ', '') = '1010'", 3, 3, "Replace", ("this", "expression", "replacement"),
    ),
    Function(
        "SPLIT_PART", "text, separator, number", "The part of that number (from 1) between separators; empty where there are "
        "fewer. Both are written out.", "SPLIT_PART(email, '@', 2) = 'example.com'", 3, 3, "SplitPart",
        ("this", "delimiter", "part_index"),
    ),
    Function(
        "CONCAT", "text, …", "Joined; NULL counts as empty text. `||` gives NULL for NULL.",
        "CONCAT(country, '-', postcode) = 'DE-10115'", 2, _UNBOUNDED, "Concat", ("expressions",),
    ),
    Function(
        "STARTS_WITH", "text, text", "Whether the first begins with the second.", "STARTS_WITH(postcode, '10')",
        2, 2, "StartsWith", names=("STARTSWITH",),
    ),
    Function(
        "ENDS_WITH", "text, text", "Whether it ends with it.", "ENDS_WITH(email, '@example.com')",
        2, 2, "EndsWith", names=("ENDSWITH",),
    ),
    Function(
        "CONTAINS", "text, text or list, value", "Whether it holds it.", "CONTAINS(tags, 'vip') AND CONTAINS(email, '+')",
        2, 2, "Contains", names=("LIST_CONTAINS", "ARRAY_CONTAINS"),
    ),
    Function(
        "REGEXP_MATCHES", "text, pattern", "Whether the pattern, written out, matches somewhere.",
        "REGEXP_MATCHES(postcode, '^[0-9]{5}$')", 2, 2, arguments=("expressions",),
    ),
    Function("ABS", "number", "Without its sign.", "ABS(balance) > 100", 1, 1, "Abs"),
    Function(
        "ROUND", "number, places", "To so many places (0 if left out; written out); halves go away from zero.",
        "ROUND(intent_score, 1) = 0.7", 1, 2, "Round", ("this", "decimals", "truncate"),
    ),
    Function("FLOOR", "number", "The whole number below or equal.", "FLOOR(balance) = 12", 1, 1, "Floor", ("this", "decimals")),
    Function("CEIL", "number", "The whole number above or equal.", "CEIL(balance) = 13", 1, 1, "Ceil", ("this", "decimals"), ("CEILING",)),
    Function(
        "COALESCE", "value, …", "The first that isn't NULL; all of one type.", "COALESCE(country, '?') <> 'US'",
        2, _UNBOUNDED, "Coalesce", ("this", "expressions"), ("IFNULL", "NVL"),
    ),
    Function("NULLIF", "value, value", "The first; NULL if both are equal.", "NULLIF(country, '') IS NULL", 2, 2, "Nullif"),
)  # fmt: skip
BY_NAME = MappingProxyType({name: each for each in FUNCTIONS for name in (each.name, *each.names)})
BY_NODE = MappingProxyType(
    {each.node: each for each in FUNCTIONS if each.node} | {"ArrayContains": BY_NAME["CONTAINS"]}
)

PARTS: dict[str, tuple[t.Part, str]] = {
    "YEAR": ("YEAR", "1 to 9999"),
    "QUARTER": ("QUARTER", "1 to 4"),
    "MONTH": ("MONTH", "1 to 12"),
    "WEEK": ("WEEK", "ISO week, 1 to 53"),
    "DAY": ("DAY", "1 to 31"),
    "DOW": ("DOW", "Sunday 0 to Saturday 6"),
    "ISODOW": ("ISODOW", "Monday 1 to Sunday 7"),
    "DOY": ("DOY", "1 to 366"),
    "ISOYEAR": ("ISOYEAR", "the year of the ISO week"),
    "HOUR": ("HOUR", "0 to 23, timestamps only"),
    "MINUTE": ("MINUTE", "0 to 59, timestamps only"),
    "SECOND": ("SECOND", "0 to 59, whole, timestamps only"),
}
OF_TIME: frozenset[t.Part] = frozenset({"HOUR", "MINUTE", "SECOND"})
SHORT_PARTS: dict[str, t.Part] = {
    "Year": "YEAR", "Quarter": "QUARTER", "Month": "MONTH", "Week": "WEEK", "Day": "DAY", "Hour": "HOUR",
    "Minute": "MINUTE", "Second": "SECOND",
}  # fmt: skip
"""The parser's classes of YEAR(x) and the like, which mean EXTRACT(YEAR FROM x)."""
UNITS: dict[str, t.Unit] = {
    "YEAR": "year", "QUARTER": "quarter", "MONTH": "month", "WEEK": "week", "DAY": "day", "HOUR": "hour",
    "MINUTE": "minute", "SECOND": "second",
}  # fmt: skip
STEPS: dict[t.Unit, tuple[t.Step, int]] = {
    "year": ("MONTH", 12), "quarter": ("MONTH", 3), "month": ("MONTH", 1), "week": ("DAY", 7), "day": ("DAY", 1),
    "hour": ("SECOND", 3600), "minute": ("SECOND", 60), "second": ("SECOND", 1),
}  # fmt: skip
FARTHEST: dict[t.Step, int] = {"MONTH": 120_000, "DAY": 3_652_500, "SECOND": 315_576_000_000}
"""Of INTERVAL: ten thousand years."""

_CLOCK = "An expression can't read the clock: who is selected would depend on when it runs. Write the day: DATE '2026-12-31'."
_CHANCE = "Nothing random is allowed: the same data must give the same rows. For a sample, write id % 10 = 0."
_ROWS = "An expression sees one row at a time. Compute it in the dataset and declare it as a column."
_CASE = "Write CASE WHEN … THEN … ELSE … END."
_DAYS = "Two dates are subtracted to days: CAST(seen AS date) - born > 7."
_MOVE = "Write x + INTERVAL '7' DAY."
_PLACE = "Write CONTAINS(x, 'y'), or SPLIT_PART(x, 'y', 1) for what stands before it."
_TEXTS = "Write TRY_CAST(x AS date) or TRY_CAST(x AS timestamp)."
_MATCHES = "Write REGEXP_MATCHES(x, 'pattern')."
INSTEAD: dict[str, str] = (
    dict.fromkeys(("NOW", "GETDATE", "SYSDATE", "TODAY", "CURRENT_DATE", "CURRENT_TIMESTAMP", "CURRENT_TIME", "LOCALTIMESTAMP"), _CLOCK)
    | dict.fromkeys(("RANDOM", "RAND", "UUID", "GEN_RANDOM_UUID", "NEWID"), _CHANCE)
    | dict.fromkeys(("COUNT", "SUM", "AVG", "MIN", "MAX", "ROW_NUMBER", "RANK", "OVER", "LAG", "LEAD"), _ROWS)
    | dict.fromkeys(("IF", "IFF", "IIF", "DECODE", "GREATEST", "LEAST"), _CASE)
    | dict.fromkeys(("DATEDIFF", "DATE_DIFF", "AGE"), _DAYS)
    | dict.fromkeys(("DATE_ADD", "DATEADD", "DATE_SUB", "ADD_MONTHS"), _MOVE)
    | dict.fromkeys(("POSITION", "STRPOS", "INSTR", "CHARINDEX", "LOCATE"), _PLACE)
    | dict.fromkeys(("TO_DATE", "TO_TIMESTAMP", "STR_TO_DATE", "PARSE_DATE", "STRPTIME"), _TEXTS)
    | dict.fromkeys(("REGEXP_LIKE", "REGEXP_CONTAINS", "REGEXP_FULL_MATCH", "RLIKE", "REGEXP"), _MATCHES)
    | dict.fromkeys(("CONCAT_WS",), "Write x || ', ' || y, or CONCAT(x, ', ', y) where NULL counts as empty text.")
    | dict.fromkeys(("DATE", "TIMESTAMP"), "Write CAST(x AS date) or CAST(x AS timestamp).")
    | dict.fromkeys(("ANY", "SOME", "LIST_HAS"), "For a list, write CONTAINS(tags, 'x'); for several values, x IN ('a', 'b').")
    | dict.fromkeys(("DATE_PART", "DATEPART", "DAYOFWEEK", "DAYOFYEAR", "WEEKDAY"), "Write EXTRACT(ISODOW FROM x).")
    | dict.fromkeys(("RLIKE", "SIMILAR"), _MATCHES)
)  # fmt: skip
"""What to write instead of what other dialects have."""
