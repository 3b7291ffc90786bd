"""A plan as a pull request's comment, rendered by a renderer that isn't ours: what it says, how long it gets, and that it is inert."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from reconciler.ledger.records import Actual
from reconciler.plan.bind import save
from reconciler.plan.plan import AddFlow, Plan, RemoveFlow
from reconciler.plan.planner import plan
from reconciler.present.markdown import code
from reconciler.present.plan_markdown import MAX_LENGTH, as_markdown
from reconciler.present.plan_summary import by_destination, summary
from tests.plan.every_kind import every_kind, local
from tests.plan.planning import NIGHT, NOW, PROJECT, activation, apply, audience, declared, small
from tests.present.support import MARKUP, first, golden, hostile_configuration, hostile_values, refused

RENDERER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
TAGS = {"p", "strong", "table", "thead", "tbody", "tr", "th", "td", "code", "details", "summary", "ul", "li"}


class Page(HTMLParser):
    """What a reader sees: text of code elements, text outside of them, cells of each row."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.code: list[str] = []
        self.prose: list[str] = []
        self.rows: list[int] = []
        self.first: list[str] = []
        self._open: list[str] = []
        self.feed(RENDERER.render(markdown))
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS, tag
        assert attrs == [], (tag, attrs)
        self._open.append(tag)
        if tag == "code":
            self.code.append("")
        if tag == "tr":
            self.rows.append(0)
        if tag in ("td", "th"):
            self.rows[-1] += 1

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_data(self, data: str) -> None:
        if "code" in self._open:
            self.code[-1] += data
        else:
            self.prose.append(data)


def test_every_kind_of_change(tmp_path: Path) -> None:
    found = every_kind(tmp_path)
    saved = save(found).model_copy(update={"digest": "ab" * 32})
    golden("plan-every-kind.md", as_markdown(found, saved=saved, apply="reconcile apply plan.json"))


def test_the_first_plan(tmp_path: Path) -> None:
    golden("plan-first.md", as_markdown(first(tmp_path)))


def test_nothing_to_do(tmp_path: Path) -> None:
    desired = small(tmp_path)
    text = as_markdown(plan(desired, apply(plan(desired, Actual(), NOW), Actual()), NOW))
    expected = "**Nothing to do: 1 flow as declared, next export 2026-12-02 02:00 UTC (outbox/us).**"
    assert text.splitlines()[0] == expected
    assert "reconcile apply" not in text


def test_how_to_apply(tmp_path: Path) -> None:
    found = every_kind(tmp_path)
    saved = save(found)
    page = Page(as_markdown(found, saved=saved, apply="reconcile apply 'my plan.json'"))
    assert saved.digest[:12] in page.code
    assert "reconcile apply 'my plan.json'" in page.code
    assert any("valid until 2026-12-05 02:00 UTC" in each for each in page.prose)
    assert "reconcile apply" in Page(as_markdown(found)).code
    assert not any("reconcile apply" in each for each in Page(as_markdown(refused(found))).code)


# The first line -------------------------------------------------------------------------------------------------------


def said(found: Plan) -> str:
    """The first line as a reader sees it."""
    line = as_markdown(found).splitlines()[0]
    rendered = RENDERER.render(line)
    assert rendered.startswith("<p><strong>")
    assert rendered.endswith("</strong></p>\n")
    page = Page(line)
    text = re.sub(r"<[^>]+>", "", rendered)
    assert page.rows == []
    return text.replace("&quot;", '"').replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&").strip()


def lived(folder: Path, *names: str, more: str = "") -> Actual:
    """Audiences applied and exported for one night."""
    desired = small(
        folder, *map(audience, names), audience=audience("us"), activation=activation("us", *names, more=more)
    )
    actual = apply(plan(desired, Actual(), NOW), Actual())
    return apply(plan(desired, actual, NIGHT), actual)


def test_a_third_party_comes_first_with_what_leaves(tmp_path: Path) -> None:
    assert said(first(tmp_path)) == (
        "agency-s3 (Agency Ltd, IE): destination new, 1 audience added, first export of everything that matches, "
        "2 columns newly leave (contact, prospect_id), 1 export due; "
        "outbox: destination new, 1 audience added, first export of everything that matches, 1 dataset added, "
        "first export of everything, 6 columns newly leave (country, email, ingested_at, intent_score, postcode, …), "
        "2 exports due; nothing removed."
    )


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", "first export of everything that matches"),
        ("backfill: none", "first export of nothing that is there yet"),
        ("backfill: none, mode: full", "first export of everything that matches"),
        ('backfill: {from: "2026-11-01T00:00:00Z"}', "first export of files since 2026-11-01 00:00 UTC"),
        ("suspend: true", "suspended"),
    ],
)
def test_what_a_new_flow_sends_first(tmp_path: Path, more: str, expected: str) -> None:
    found = plan(small(tmp_path, activation=activation("us", more=more)), Actual(), NOW)
    assert f"1 audience added, {expected}, 2 columns newly leave (country, id)" in said(found)


def test_deleting_what_was_exported_is_told_from_keeping_it(tmp_path: Path) -> None:
    for more, expected in (("", "removed, files kept"), ("onRemove: purge", "removed and what was exported deleted")):
        actual = lived(tmp_path, "de", "fr", more=more)
        found = plan(small(tmp_path, activation=activation("us", more=more)), actual, NIGHT, allow_removals=2)
        assert said(found) == f"outbox: 2 audiences {expected}."


def test_columns_that_leave_in_clear_from_now_on(tmp_path: Path) -> None:
    hashed = small(tmp_path, activation=activation("us", more="columns: [{column: id, as: key, transform: sha256}]"))
    actual = apply(plan(hashed, Actual(), NOW), Actual())
    clear = small(tmp_path, activation=activation("us", more="columns: [{column: id, as: key}, country]"))
    assert said(plan(clear, actual, NOW)) == (
        "outbox: 1 column newly leaves (country), 1 column leaves otherwise than before (key), 1 audience changed otherwise; "
        "nothing removed."
    )


def test_guards_and_protection_that_change(tmp_path: Path) -> None:
    guarded = small(
        tmp_path,
        audience=audience("us", meta="protect: true"),
        activation=activation("us", more="guards: {export: {maxRows: 5}}"),
    )
    actual = apply(plan(guarded, Actual(), NOW), Actual())
    line = said(plan(small(tmp_path), actual, NOW))
    assert line == "outbox: 1 audience changed otherwise, guards of 1 changed, 1 no longer protected; nothing removed."


def test_a_renamed_destination_removes_nothing(tmp_path: Path) -> None:
    before = small(
        tmp_path, destination=local("box", "out", meta="protect: true"), activation=activation("us", to="box")
    )
    actual = apply(plan(before, Actual(), NOW), Actual())
    desired = small(
        tmp_path, destination=local("post", "out", meta="renamedFrom: box"), activation=activation("us", to="post")
    )
    assert said(plan(desired, actual, NOW)) == (
        "box: destination under another name now; "
        "post: destination with a new name, destination no longer protected, 1 audience renamed, 1 no longer protected; "
        "nothing removed."
    )


def test_a_rebuild_is_said(tmp_path: Path) -> None:
    line = said(plan(small(tmp_path, audience=audience("us", "country = 'DE'")), lived(tmp_path), NIGHT))
    assert line == "outbox: 1 audience exported again in full; nothing removed."


def test_it_covers_every_destination_however_many(tmp_path: Path) -> None:
    names = [f"d{at:02}" for at in range(12)]
    boxes = [local(name, name) for name in names]
    bound = [activation("us", to=name, name=f"to-{name}") for name in names]
    found = plan(small(tmp_path, *boxes, *bound), Actual(), NOW)
    line = said(found)
    assert line.startswith("d00: destination new, 1 audience added")
    assert "8 more destinations: 8 destinations new, 8 audiences added, first export of everything that matches" in line
    actual = apply(found, Actual())
    gone = plan(declared(tmp_path, PROJECT), actual, NOW, allow_removals="all")
    assert "8 more destinations: 8 destinations removed, 8 audiences removed, files kept" in said(gone)


def test_a_refused_plan_says_that_first(tmp_path: Path) -> None:
    assert said(refused(every_kind(tmp_path), 2)) == "Refused: 2 reasons; nothing of this can be applied."


# Inert ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [hostile_values, hostile_configuration])
@pytest.mark.parametrize("no", [0, 3])
def test_nothing_from_configuration_is_more_than_text(tmp_path: Path, make: Callable[[Path], Plan], no: int) -> None:
    found = make(tmp_path)
    text = as_markdown(refused(found, no), saved=save(found), apply=f"reconcile apply {MARKUP}")
    page = Page(text)
    assert set(page.rows) <= {3, 4}
    for each in page.prose:
        assert not re.search(r"[@#<>`\[\]*_~|\\$]|://|www\.|:\w+:", each), each
    assert any("<img src=x onerror=alert(1)>" in each for each in page.code)
    assert not set(text) & set("\x1b\x07\r\u202e\u2066\u200b\ufeff")


@pytest.mark.parametrize(
    "text", [MARKUP, "".join(map(chr, range(32, 127))), "  two  spaces ", "&#64;team", "`", "|", ""]
)
def test_code_shows_what_it_was_given(text: str) -> None:
    page = Page(f"| a | {code(text)} |\n|-|-|\n| b | {code(text)} |")
    assert page.code == [text, text]
    assert page.rows == [2, 2]
    assert not set(code(text).removeprefix("<code>").removesuffix("</code>")) & set("<>@[]()`*_~|\\!\"'{}+.:$^")


# Bounded --------------------------------------------------------------------------------------------------------------


def many(of: Plan, flows: int, destinations: int) -> Plan:
    """The same with many flows."""
    add = next(each for each in of.changes if isinstance(each, AddFlow))
    ids = [f"box-{at % destinations:05}/audience/a{at:05}" for at in range(flows)]
    return of.model_copy(update={"changes": tuple(add.model_copy(update={"subject": each}) for each in ids)})


@pytest.mark.parametrize("destinations", [1, 3, 200, 10_000])
def test_ten_thousand_flows_fit(tmp_path: Path, destinations: int) -> None:
    found = many(every_kind(tmp_path), 10_000, destinations)
    text = as_markdown(found, saved=save(found), apply="reconcile apply plan.json")
    assert 10_000 < len(text) <= MAX_LENGTH
    assert "more" in text
    assert text.count("<details>") == text.count("</details>") <= 1
    assert text.rstrip().endswith("</code>")
    page = Page(text)
    assert set(page.rows) <= {3, 4}
    line = text.splitlines()[0]
    counted = sum(int(each.replace(",", "")) for each in re.findall(r"([\d,]+) audiences? added", line))
    assert counted == 10_000


def test_hostile_values_fit_too(tmp_path: Path) -> None:
    found = refused(hostile_values(tmp_path, 3_000), 500)
    text = as_markdown(found)
    assert len(text) <= MAX_LENGTH
    Page(text)


def test_every_change_is_in_the_summary_by_number(tmp_path: Path) -> None:
    found = every_kind(tmp_path)
    line = summary(by_destination(found))
    removed = sum(isinstance(each, RemoveFlow) for each in found.changes)
    assert len(re.findall(r"audiences? removed", line)) == removed
    assert "nothing removed" not in line
