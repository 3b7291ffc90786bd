"""How diagnostics look: text as in the design's sample, JSON, GitHub annotations that nothing can break out of."""

from __future__ import annotations

import json

from reconciler.diagnostics import Diagnostic, Source
from reconciler.present.diagnostics import MAX_SHOWN, as_github, as_json, as_text

TEXT = "\n" * 8 + '  where: country = "US" AND intent_scor >= 0.7\n'
US = Diagnostic(
    Source("audiences/us.yaml", 9, 20, 4), "R203", "unknown column in where", '"US" in double quotes names a column.'
)
SCORE = Diagnostic(
    Source("audiences/us.yaml", 9, 29, 11), "R203", "unknown column in where", "Did you mean intent_score?"
)


def test_text_is_as_designed() -> None:
    assert as_text([US, SCORE], {"audiences/us.yaml": TEXT}, files=14) == (
        "audiences/us.yaml:9:20  R203  unknown column in where\n"
        '   9 │   where: country = "US" AND intent_scor >= 0.7\n'
        "     │                    ▔▔▔▔\n"
        '  "US" in double quotes names a column.\n'
        "audiences/us.yaml:9:29  R203  unknown column in where\n"
        '   9 │   where: country = "US" AND intent_scor >= 0.7\n'
        "     │                             ▔▔▔▔▔▔▔▔▔▔▔\n"
        "  Did you mean intent_score?\n"
        "\n"
        "2 errors in 1 of 14 files · reconcile explain R203\n"
    )


def test_marks_stand_under_wide_characters() -> None:
    text = "k: 日本 bad"
    shown = as_text([Diagnostic(Source("x", 1, 7, 3), "C103", "s", "d")], {"x": text}, files=1)
    quoted, mark = shown.split("\n")[1:3]
    assert quoted.endswith("日本 bad")
    assert mark == "     │ " + " " * (3 + 4 + 1) + "▔▔▔"


def test_long_lines_are_cut_around_the_place() -> None:
    text = "ab " * 300 + "HERE" + "b c" * 300
    shown = as_text([Diagnostic(Source("x", 1, 901, 4), "C103", "s", "d")], {"x": text}, files=1)
    quoted, mark = shown.split("\n")[1:3]
    assert len(quoted) < 200
    assert quoted[mark.index("▔") : mark.index("▔") + 4] == "HERE"
    longer = {"x": text * 10}
    assert "HERE" not in as_text([Diagnostic(Source("x", 1, 901, 4), "C103", "s", "d")], longer, files=1)


def test_what_can_not_be_shown_is_named() -> None:
    text = "a\u202eb\u200b: \x1b[31m"
    hostile = Diagnostic(Source("x\x1b.yaml", 1, 2, 1), "Y104", "s", "d\u202e\nsecond")
    shown = as_text([hostile], {"x\x1b.yaml": text}, files=1)
    assert not {"\u202e", "\u200b", "\x1b"} & set(shown)
    assert "<U+202E>" in shown
    assert "<U+001B>" in shown
    assert "\nsecond" not in shown


def test_many_are_capped_and_counted() -> None:
    many = [Diagnostic(Source("x", number, 1), "C101", "s", "d") for number in range(1, 251)]
    shown = as_text(many, {}, files=3)
    assert shown.count("C101  s") == MAX_SHOWN
    assert "… and 150 more" in shown
    assert "250 errors in 1 of 3 files" in shown
    assert len(json.loads(as_json(many))["diagnostics"]) == 250


def test_warnings_are_counted_apart() -> None:
    warning = Diagnostic(Source("y", 1, 1), "R111", "s", "d", "warning")
    assert "1 error and 1 warning in 2 of 2 files" in as_text([US, warning], {}, files=2)


def test_nothing_found_is_nothing_said() -> None:
    assert as_text([], {}, files=3) == ""


def test_json_is_versioned_and_complete() -> None:
    parsed = json.loads(as_json([SCORE]))
    assert parsed == {
        "version": 1,
        "diagnostics": [
            {
                "code": "R203", "severity": "error", "summary": "unknown column in where", "detail": "Did you mean intent_score?",
                "subject": "", "path": "audiences/us.yaml", "line": 9, "column": 29, "length": 11,
            }
        ],
    }  # fmt: skip


def test_annotations() -> None:
    assert as_github([SCORE]) == (
        "::error file=audiences/us.yaml,line=9,col=29,endColumn=40,title=R203 unknown column in where::Did you mean intent_score?\n"
    )


def test_annotations_are_inert() -> None:
    hostile = Diagnostic(Source("a,b:c\n::set-env.yaml", 1, 1), "C101", "s", "x%0A\r\n::error::y")
    (line,) = as_github([hostile]).splitlines()
    assert line == "::error file=a%2Cb%3Ac%0A%3A%3Aset-env.yaml,line=1,col=1,title=C101 s::x%250A%0D%0A::error::y"
