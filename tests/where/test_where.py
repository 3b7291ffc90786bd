"""What `where` takes and what it says of the rest: code, marked text and a part of the detail."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from sqlglot.tokens import Tokenizer

from reconciler.export.translate.polars_tree import expression
from reconciler.values.types import parse_type
from reconciler.where import Checked, check

COLUMNS = {
    name: parse_type(of)
    for name, of in {
        "country": "string", "intent_score": "double", "active": "boolean", "age": "int", "id": "long", "born": "date",
        "seen": "timestamp", "date": "date", "price": "decimal(38,2)", "tags": "list<string>", "raw": "binary", "a b": "int",
        "home": 'struct<city: string, geo: struct<"l.at": double>, list: list<string>>', "file": "string",
    }.items()
}  # fmt: skip

CANONICAL = {  # text: its canonical form
    "country='US'": "country = 'US'",
    "(((country) = ('US')))": "country = 'US'",
    "country != 'US'": "country <> 'US'",
    "\"country\" = 'O''Hara'": "country = 'O''Hara'",
    '"a b" = +1': '"a b" = 1',
    "date = '2026-01-01'": "\"date\" = DATE '2026-01-01'",
    "born > '2026-01-01' and seen <= '2026-01-01T00:00:00+02:00'": "born > DATE '2026-01-01' AND seen <= TIMESTAMP '2025-12-31 22:00:00'",
    "'2026-01-01' < born": "DATE '2026-01-01' < born",
    "born between '2026-01-01' and '2026-02-01'": "born BETWEEN DATE '2026-01-01' AND DATE '2026-02-01'",
    "active and (age > 1 and age < 3)": "active AND age > 1 AND age < 3",
    "active and (age > 1 or age < 3)": "active AND (age > 1 OR age < 3)",
    "not (active or active)": "NOT (active OR active)",
    "not active = active": "NOT (active = active)",
    "not (country is null)": "country IS NOT NULL",
    "not country like 'a%'": "country NOT LIKE 'a%'",
    "lower(trim(country)) in ('de','at')": "LOWER(TRIM(country)) IN ('de', 'at')",
    "age - (id - 1) > - (-1)": "age - (id - 1) > -(-1)",
    "(age - id) - 1 > 1e3": "age - id - 1 > 1000",
    "age = 0.50": "age = 0.50",
    "true": "TRUE",
    "age/2>1": "age / 2 > 1",
    "mod(age, 2) = 1": "age % 2 = 1",
    "age - (id % 3) * 2 > 0": "age - id % 3 * 2 > 0",
    "(age / id) / 2 > age / (id / 2)": "age / id / 2 > age / (id / 2)",
    "age::string = 'x'": "CAST(age AS string) = 'x'",
    "CAST(age AS bigint) = 1": "CAST(age AS long) = 1",
    "try_cast(age as long) = 1": "CAST(age AS long) = 1",
    "TRY_CAST(country AS numeric(10)) = 1": "TRY_CAST(country AS decimal(10,0)) = 1",
    "CAST('2026-01-01' AS date) = born": "DATE '2026-01-01' = born",
    "country LIKE 'a!%%' ESCAPE '!'": "country LIKE 'a\\%%' ESCAPE '\\'",
    "country NOT LIKE 'a!!%' ESCAPE '!'": "country NOT LIKE 'a!%'",
    "country ILIKE '#_\\' ESCAPE '#'": "country ILIKE '\\_\\\\' ESCAPE '\\'",
    "country is distinct from 'US'": "country IS DISTINCT FROM 'US'",
    "not (country is distinct from 'US')": "country IS NOT DISTINCT FROM 'US'",
    "country is distinct from null": "country IS NOT NULL",
    "country is not distinct from null": "country IS NULL",
    "case when active then 'a' else null end = 'a'": "CASE WHEN active THEN 'a' END = 'a'",
    "case when active then null else 'b' end = 'a'": "CASE WHEN active THEN NULL ELSE 'b' END = 'a'",
    "case age when 1 then born end = '2026-01-01'": "CASE age WHEN 1 THEN born END = DATE '2026-01-01'",
    "year(born) = 2026": "EXTRACT(YEAR FROM born) = 2026",
    "extract('month' from born) = 1": "EXTRACT(MONTH FROM born) = 1",
    "date_trunc(MONTH, seen) = '2026-01-01'": "DATE_TRUNC('month', seen) = TIMESTAMP '2026-01-01 00:00:00'",
    "born + interval 2 weeks > born": "born + INTERVAL '14' DAY > born",
    "interval '1 year' + born > born": "born + INTERVAL '12' MONTH > born",
    "seen - interval '-90' minute > seen": "seen + INTERVAL '5400' SECOND > seen",
    "substr(country, 1, 2) = 'DE'": "SUBSTRING(country, 1, 2) = 'DE'",
    "TRIM(LEADING FROM country) = 'x'": "LTRIM(country) = 'x'",
    "ifnull(country, 'x') = nvl(country, 'y')": "COALESCE(country, 'x') = COALESCE(country, 'y')",
    "list_contains(tags, 'vip')": "CONTAINS(tags, 'vip')",
    "array_contains(tags, 'vip')": "CONTAINS(tags, 'vip')",
    "home.city = 'Wien'": "home.city = 'Wien'",
    '"home"."city" = \'Wien\'': "home.city = 'Wien'",
    'home.geo."l.at" > 1 and home.list is null': 'home.geo."l.at" > 1 AND home."list" IS NULL',
}

REFUSED = {
    # text: ((code, marked text, part of the detail), ...)
    'country = "US" AND intent_scor >= 0.7': (
        (
            "R203",
            '"US"',
            "\"US\" in double quotes names a column, and dataset prospects has none of that name. For text, write 'US'.",
        ),
        ("R203", "intent_scor", "Dataset prospects has no column intent_scor. Did you mean intent_score?"),
    ),
    "zebra = 1": (("R203", "zebra", "Declared: country, intent_score"),),
    "Country = 'US'": (("R203", "Country", "Did you mean country?"),),
    "read_text('/etc/passwd') = 'x'": (("R202", "read_text", "The function read_text isn't allowed"),),
    "active; active": (("R202", ";", "one expression"),),
    "active;": (("R202", ";", "one expression"),),
    "active -- x": (("R201", "active", "Comments"),),
    "active /* x */ AND active": (("R201", "active", "Comments"),),
    "country IN (SELECT 1)": (("R202", "SELECT", "SELECT isn't allowed"),),
    "EXISTS (SELECT 1)": (("R202", "EXISTS", "EXISTS isn't allowed"),),
    "sum(age) OVER () > 1": (("R202", "OVER", "OVER isn't allowed"),),
    "now() > seen": (("R202", "now", "can't read the clock"),),
    "current_date > born": (("R202", "current_date", "isn't allowed"),),
    "random() > 0.5": (("R202", "random", "Nothing random"),),
    "lowr(country) = 'x'": (("R202", "lowr", "Did you mean LOWER?"),),
    "prospects.age > 1": (("R203", "prospects", "without the dataset's name: write age."),),
    "tags[1] = 'x'": (("R202", "[", "isn't allowed"),),
    "country LIKE country": (("R202", "country", "pattern in single quotes"),),
    "age IN (id)": (("R202", "id", "not columns"),),
    'country IN ("US")': (("R202", '"US"', "For text, write 'US'."),),
    "age IS 5": (("R202", "age", "IS takes NULL, TRUE, FALSE or DISTINCT FROM"),),
    "rand() > 1 AND now() > seen": (("R202", "rand", "rand"), ("R202", "now", "now")),
    "country = NULL": (("R204", "country", "IS NULL"),),
    "country NOT IN ('a', NULL)": (("R204", "", "NULL"),),
    "age = 'x'": (("R204", "'x'", "age is int, 'x' is string. Write the number without quotes."),),
    "country = 5": (("R204", "5", "For text, write '5'."),),
    "active = 1": (("R204", "1", "active IS TRUE"),),
    "active < TRUE": (("R204", "active < TRUE", "no order"),),
    "born = 2026": (("R204", "2026", "DATE '2026-12-31'"),),
    "born = '2026-13-01'": (("R204", "'2026-13-01'", "no date"),),
    "born = DATE '2026-02-30'": (("R204", "'2026-02-30'", "no date"),),
    "seen = 'x'": (("R204", "'x'", "no time"),),
    "seen = '9999-12-31T23:59:59-23:00'": (("R204", "'9999-12-31T23:59:59-23:00'", "no time"),),
    "tags = tags": (("R204", "tags", "can't be compared"),),
    "raw = 'x'": (("R204", "raw", "can't be compared"),),
    "LOWER(age) = 'x'": (("R204", "age", "LOWER takes text"),),
    "YEAR(country) = 1": (("R204", "country", "takes a date"),),
    "country + 1 = 2": (("R204", "country", "+ takes numbers"),),
    "LOWER(country, 'x') = 'x'": (("R201", ")", "can't be read"),),
    "TRIM(country, 'x') = 'x'": (("R204", "TRIM(country, 'x'", "TRIM takes one argument"),),
    "COALESCE(age) = 1": (("R204", "COALESCE(age", "two arguments"),),
    "NOT age": (("R204", "age", "a condition is needed"),),
    "price * price > 1": (("R205", "price * price", "76 digits"),),
    "price = 0.001": (("R204", "0.001", "too many digits"),),
    "age = 1e999": (("R205", "1e999", "38 digits"),),
    "age": (("R206", "age", "age is int, but a condition is needed"),),
    "'x'": (("R206", "'x'", "a condition is needed"),),
    "": (("R201", "", "write TRUE"),),
    "country = ": (("R201", "=", "can't be read"),),
    "country = 'x": (("R201", "country = 'x", "isn't closed"),),
    "(active": (("R201", "active", "can't be read"),),
    "active)": (("R201", ")", "can't be read"),),
    "active active": (("R201", "active", "can't be read"),),
    "(" * 3000 + "active" + ")" * 3000: (("R205", "(", "levels at most"),),
    "(" * 51 + "active" + ")" * 51: (("R205", "(", "levels at most"),),
    "NOT " * 3000 + "active": (("R205", "NOT", "levels at most"),),
    "age" + " + 1" * 3000 + " > 1": (("R205", "age", "More than 100 levels"),),
    "active = " * 5000 + "active": (("R205", "active", "More than 100 levels"),),
    "active OR " * 12_000 + "active": (("R205", "a", "characters"),),
    "a " * 21_000: (("R205", "a", "words and signs"),),
    "age::varchar::int = 1": (("R204", "age", "CAST of CAST(age AS string) (string) to int fails"),),
    "CAST(intent_score AS int) = 1": (("R204", "intent_score", "Write TRY_CAST"),),
    "CAST(intent_score AS string) = 'x'": (("R204", "intent_score", "no one text"),),
    "TRY_CAST(age AS boolean)": (("R204", "age", "Write age <> 0"),),
    "TRY_CAST(tags AS string) = 'x'": (("R204", "tags", "can't be converted"),),
    "CAST(age AS smallint) = 1": (("R202", "smallint", "Nothing is converted to smallint"),),
    "CAST(age AS strng) = 'x'": (("R202", "strng", "Did you mean string?"),),
    "CAST(age AS varchar(3)) = 'x'": (("R202", "varchar", "converted to varchar of a length"),),
    "CAST(age AS decimal) = 1": (("R202", "decimal", "decimal(10,2)"),),
    "CAST(age AS decimal(39,2)) = 1": (("R202", "decimal", "1 to 38 digits"),),
    "CAST(age AS int FORMAT 'x') = 1": (("R202", "FORMAT", "isn't allowed"),),
    "age % 0.5 = 0": (("R204", "age % 0.5", "whole numbers"),),
    "intent_score % 2 = 0": (("R204", "intent_score", "whole numbers"),),
    "age // 2 = 1": (("R201", "", "can't be read"),),
    "born + 7 > born": (("R204", "born + 7", "INTERVAL '7' DAY"),),
    "seen - seen > 1": (("R204", "seen - seen", "CAST(… AS date)"),),
    "seen - born > 1": (("R204", "seen - born", "CAST(… AS date)"),),
    "born > INTERVAL '1' DAY": (("R202", "", "INTERVAL is added"),),
    "born + INTERVAL age DAY > born": (("R202", "INTERVAL", "whole number, written out"),),
    "born + INTERVAL '1.5' DAY > born": (("R202", "INTERVAL", "whole number"),),
    "born + INTERVAL '1' > born": (("R202", "INTERVAL", "one unit"),),
    "born + INTERVAL '1' fortnight > born": (("R202", "INTERVAL", "no unit FORTNIGHT"),),
    "born + INTERVAL '99999999' YEAR > born": (("R205", "INTERVAL", "ten thousand years"),),
    "'2026-01-01' + INTERVAL '1' DAY > born": (("R204", "'2026-01-01'", "Write DATE '2026-01-01'"),),
    "country + INTERVAL '1' DAY > born": (("R204", "country", "INTERVAL takes a date"),),
    "EXTRACT(YAER FROM born) = 1": (("R202", "YAER", "Did you mean YEAR?"),),
    "EXTRACT(HOUR FROM born) = 1": (("R204", "born", "takes a timestamp"),),
    "DATE_TRUNC('mnth', born) = born": (("R202", "mnth", "Did you mean month?"),),
    "DATE_TRUNC(born, MONTH) = born": (("R202", "born", "The unit comes first"),),
    "DATE_TRUNC('month', born, 'UTC') = born": (("R202", "'UTC'", "fewer arguments"),),
    "country LIKE 'a' ESCAPE 'ab'": (("R204", "'ab'", "one character"),),
    "country LIKE 'a!b' ESCAPE '!'": (("R204", "'a!b'", "stands before %, _ or ! only"),),
    "country LIKE 'a!' ESCAPE '!'": (("R204", "'a!'", "stands before"),),
    "country = NULL OR country <> NULL": (("R204", "country", "IS NULL"), ("R204", "country", "IS NULL")),
    "CASE WHEN active THEN NULL END = 1": (("R204", "CASE WHEN active THEN", "gives NULL always"),),
    "CASE WHEN age THEN 1 END = 1": (("R204", "age", "a condition is needed"),),
    "CASE WHEN active THEN 1 ELSE 'x' END = 1": (("R204", "'x'", "Write the number without quotes"),),
    "CASE age WHEN 'x' THEN 1 END = 1": (("R204", "'x'", "Write the number without quotes"),),
    "CASE age " + "WHEN 1 THEN 2 " * 501 + "END = 2": (("R205", "age", "500 times WHEN"),),
    "COALESCE(NULL, age) = 1": (("R204", "", "IS NULL"),),
    "SUBSTRING(country, 0) = 'x'": (("R204", "0", "start of SUBSTRING is a whole number from 1"),),
    "SUBSTRING(country, age) = 'x'": (("R204", "age", "written out"),),
    "LEFT(country, -1) = 'x'": (("R204", "1", "number of characters of LEFT"),),
    "SPLIT_PART(country, '', 1) = 'x'": (("R204", "''", "isn't empty"),),
    "REPLACE(country, country, 'x') = 'x'": (("R204", "country", "text in single quotes"),),
    "REPLACE(country, 'x') = 'x'": (("R204", "REPLACE(country, 'x'", "REPLACE takes three arguments"),),
    "ROUND(price, id) = 1": (("R204", "id", "number of places of ROUND"),),
    "ROUND(price, 1, 1) = 1": (("R204", "ROUND(price, 1, 1", "one argument or two"),),
    "FLOOR(country) = 1": (("R204", "country", "FLOOR takes numbers"),),
    "CONTAINS(tags, 5)": (("R204", "5", "For text, write '5'"),),
    "CONTAINS(home, 'x')": (("R204", "home", "CONTAINS takes text"),),
    "'x' = ANY(tags)": (("R202", "ANY", "isn't allowed in where. For a list, write CONTAINS"),),
    "home = 'x'": (("R204", "home", "Compare a field: home.city."),),
    "home.ctiy = 'x'": (("R203", "ctiy", "home has no field ctiy. Did you mean city?"),),
    "home.city.name = 'x'": (("R204", "name", "home.city is string, which has no fields"),),
    "home.list.item = 'x'": (("R204", "item", "Write CONTAINS"),),
    "home.* IS NULL": (("R202", "*", "isn't a column's name"),),
    "age.lower(country) = 'x'": (("R202", "lower", "isn't a column's name"),),
    "file = 'x'": (("R202", "file", 'To name the column, write "file".'),),
    "REGEXP_MATCHES(country, country)": (("R204", "country", "text in single quotes"),),
    "REGEXP_MATCHES(country, '(a')": (("R204", "'(a'", "isn't closed"),),
    "REGEXP_MATCHES(country, '" + "(" * 900 + "')": (("R204", "'(((", "20 levels"),),
    "REGEXP_MATCHES(country, '(((a{500}){500}){500}){500}')": (("R204", "'(((a", "1,000 characters at most"),),
    "REGEXP_LIKE(country, 'x')": (("R202", "REGEXP_LIKE", "Write REGEXP_MATCHES"),),
    "IF(active, 1, 2) = 1": (("R202", "IF", "Write CASE"),),
    "COUNT(age) > 1": (("R202", "COUNT", "one row at a time"),),
    "DATEDIFF('day', born, born) > 1": (("R202", "DATEDIFF", "subtracted to days"),),
    "POSITION('x' IN country) > 1": (("R202", "", "isn't allowed"),),
    "country = ‘US’": (("R202", "‘", "looks like ' and isn't. Write '."),),
    "age − 1 > 0": (("R202", "−", "looks like - and isn't"),),
    "аge > 1": (("R203", "аge", "holds CYRILLIC SMALL LETTER A (U+0430)"),),
    "age = 123456789012345678901234567890123456789": (("R205", "1234", "38 digits"),),
    "age = " + "9" * 60_000: (("R205", "999", "38 digits"),),
    "ROUND(" * 20 + "intent_score" + ", 2)" * 20 + " > 1": (("R205", "", "grows too large"),),
    "TRY_CAST(" * 8 + "country" + " AS int) AS string)" * 4 + " = 'x'": (("R205", "country", "grows too large"),),
    "x" * 2_000_000: (("R205", "x", "2,000,000 characters"),),
}


@pytest.mark.parametrize("text", CANONICAL)
def test_canonical_text(text: str) -> None:
    found = check(text, COLUMNS)
    assert isinstance(found, Checked), found
    assert found.text == CANONICAL[text]
    assert check(found.text, COLUMNS) == found


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:40])
def test_refused(text: str) -> None:
    found = check(text, COLUMNS, dataset="prospects")
    assert isinstance(found, tuple), found.text
    wanted = REFUSED[text]
    assert [each.code for each in found] == [code for code, _, _ in wanted], found
    for each, (_, marked, part) in zip(found, wanted, strict=True):
        assert part in each.detail
        assert text[each.offset : each.offset + each.length].startswith(marked)
        assert len(each.detail) < 500


def test_columns_are_those_read() -> None:
    found = check("country = 'US' AND (age > 1 OR age < -1)", COLUMNS)
    assert isinstance(found, Checked)
    assert found.columns == {"country", "age"}
    assert found.paths == {("country",), ("age",)}


def test_fields_are_told_from_whole_columns() -> None:
    text = "home.city = 'Wien' AND CASE WHEN home.geo.\"l.at\" > 1 THEN CONTAINS(home.list, 'x') END AND tags IS NULL"
    found = check(text, COLUMNS)
    assert isinstance(found, Checked)
    assert found.paths == {("home", "city"), ("home", "geo", "l.at"), ("home", "list"), ("tags",)}
    assert found.columns == {"home", "tags"}


def test_every_word_of_sql_can_name_a_column_or_a_field() -> None:
    words = [each.lower() for each in Tokenizer.KEYWORDS if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", each)]
    assert len(words) > 200
    for word in words:
        columns = {word: parse_type("int"), "s": parse_type(f"struct<{word}: int>")}
        found = check(f'"{word}" = 1 AND s."{word}" IN (1)', columns)
        assert isinstance(found, Checked), (word, found)
        assert check(found.text, columns) == found
        bare = check(f"{word} = 1", columns)
        if isinstance(bare, Checked):
            assert check(bare.text, columns) == bare
        else:
            assert f'To name the column, write "{word}".' in bare[0].detail or bare[0].code == "R204", (word, bare)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 50 + "active" + ")" * 50,
        "NOT (" * 49 + "active" + ")" * 49,
        "(active OR " * 25 + "(age > 1 AND " * 24 + "active" + ")" * 49,
        "LOWER(" * 50 + "country" + ")" * 50 + " = 'x'",
        "NOT " * 50 + "active",
        "CASE WHEN active THEN 1 ELSE " * 50 + "2" + " END" * 50 + " = 1",
        "CASE age " + "WHEN 1 THEN 'x' " * 500 + "END = 'x'",
        "intent_score" + " + 1" * 90 + " > 1",
        "country" + " || country" * 90 + " = 'x'",
        " OR ".join(["active", "(active AND age > 1)"] * 1500),
    ],
    ids=lambda text: text[:20],
)
def test_what_is_within_the_limits_is_read(text: str) -> None:
    found = check(text, COLUMNS)
    assert isinstance(found, Checked), found
    assert found.text
    assert expression(found.tree).meta.root_names()


def test_many_problems_are_cut() -> None:
    found = check(" OR ".join(["zebra = 1"] * 500), COLUMNS)
    assert isinstance(found, tuple)
    assert len(found) == 20


def test_the_parser_is_imported_late() -> None:
    code = "import sys, reconciler.where, reconciler.config.load; sys.exit('sqlglot' in sys.modules or 'polars' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
