"""R2xx: expressions and column types."""

from __future__ import annotations

from reconciler.codes.base import Code

WHERE_CODES = (
    Code(
        "R201",
        "where can't be read",
        "`where` is one SQL expression, without comments and without a semicolon.",
        "Correct the expression.",
        "where: country = 'US' AND intent_score >= 0.7",
    ),
    Code(
        "R202",
        "not allowed in where",
        "Expressions are made of columns and their fields, values, comparisons, AND, OR, NOT, IN, BETWEEN, LIKE, IS, CASE, CAST, + - * / %, || and a "
        "list of functions. Nothing in them reads a file, a table, the network, the time or chance.",
        "Use what is allowed, or prepare the column in the dataset.",
    ),
    Code(
        "R203",
        "unknown column in where",
        "The dataset declares no column of that name. Upper and lower case differ; double quotes name a column, single quotes hold text.",
        "Correct the name, or declare the column in the Dataset.",
        "where: country = 'US'",
    ),
    Code(
        "R204",
        "types don't fit in where",
        "Both sides of a comparison and the arguments of a function must be of types that fit. Nothing is converted silently, "
        "save for text in ISO form where a date or timestamp is expected.",
        "Compare with a value of the column's type, or convert with CAST or TRY_CAST.",
    ),
    Code(
        "R205",
        "where is too large or too deep",
        "An expression has 65,536 characters, 50 levels of brackets, 100 levels in all and numbers of 38 digits at most, computed ones too. "
        "Functions that need their operand several times (ROUND, TRY_CAST, %) nest a few levels.",
        "Shorten it: use IN for many values, or prepare a column in the dataset.",
    ),
    Code(
        "R206",
        "where isn't a condition",
        "The expression must be true or false for a row.",
        "Compare with something.",
        "where: intent_score >= 0.7",
    ),
    Code(
        "R207",
        "unknown column type",
        "A column's type is string, boolean, int, long, float, double, date, timestamp, binary, decimal(p,s), list<T> or struct<name: T>.",
        "Correct the type.",
        "columns: {email: {type: string}, price: {type: 'decimal(10,2)'}}",
    ),
)
