"""What lies in what: named cases, and agreement with a naive comparison of every pair."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.config import locations
from reconciler.config.index import Entry, Index
from reconciler.config.locations import check_locations, resolve
from reconciler.config.parse import parse
from reconciler.resources.resource import Dataset, Destination, Project
from tests.config.support import codes, document, loaded

LOCAL = "{{type: local, connection: {{path: {}}}}}"
S3 = "{{type: s3, account: {}, connection: {{bucket: {}, path: {}}}}}"
DATA = "{{location: {}, format: csv, columns: {{a: {{type: string}}}}}}"
HERE = document("Account", "here", "{type: aws}")
THERE = document("Account", "there", "{type: aws, endpoints: {s3: 'http://there:9000'}}")
SAME = document("Account", "same", "{type: aws, endpoints: {s3: 'http://there:9000/'}}")


def local(name: str, path: str) -> str:
    return document("Destination", name, LOCAL.format(path))


def s3(name: str, account: str, bucket: str, path: str) -> str:
    return document("Destination", name, S3.format(account, bucket, path))


@pytest.mark.parametrize(
    ("documents", "expected"),
    [
        ([local("a", "out"), local("b", "out")], ["P102"]),
        ([local("a", "out"), local("b", "./x/../out/")], ["P102"]),
        ([local("a", "out"), local("b", "out/b")], ["P102"]),
        ([local("a", "out"), local("b", "out-b")], []),
        ([local("a", "out"), local("b", "ou")], []),
        ([local("a", "/abs/x"), local("b", "/abs/x/y")], ["P102"]),
        ([s3("a", "here", "bkt", "x"), s3("b", "here", "bkt", "x/y")], ["P102"]),
        ([s3("a", "here", "bkt", "''"), s3("b", "here", "bkt", "y")], ["P102"]),
        ([s3("a", "here", "bkt", "x/"), s3("b", "here", "bkt", "x")], ["P102"]),
        ([s3("a", "here", "bkt", "x"), s3("b", "here", "bkt", "xy")], []),
        ([s3("a", "here", "bkt", "x"), s3("b", "there", "bkt", "x")], []),
        ([s3("a", "there", "bkt", "x"), s3("b", "same", "bkt", "x")], ["P102"]),
        ([local("a", ".reconcile/ledger/x")], ["P103"]),
        ([local("a", ".")], ["P103"]),
        ([local("a", "out"), document("Project", "p", "{ledger: {url: 'file://out/ledger'}}")], ["P103"]),
        ([s3("a", "here", "bkt", "x"), document("Project", "p", "{ledger: {url: 's3://bkt/x/ledger'}}")], ["P103"]),
        ([s3("a", "there", "bkt", "x"), document("Project", "p", "{ledger: {url: 's3://bkt/x'}}")], []),
        (
            [s3("a", "there", "bkt", "x"), document("Project", "p", "{ledger: {url: 's3://bkt/x', account: same}}")],
            ["P103"],
        ),
        (
            [
                s3("a", "there", "bkt", "x"),
                document("Project", "p", "{ledger: {url: 's3://bkt/x', account: here, endpoint: 'http://there:9000'}}"),
            ],
            ["P103"],
        ),
        ([local("a", "out"), document("Dataset", "d", DATA.format("out"))], ["P104"]),
        ([local("a", "out"), document("Dataset", "d", DATA.format("out/in/x.csv"))], ["P104"]),
        ([local("a", "data/out"), document("Dataset", "d", DATA.format("data"))], ["P104"]),
        ([document("Dataset", "c", DATA.format("data")), document("Dataset", "d", DATA.format("data/x"))], []),
        ([document("Dataset", "d", DATA.format(".reconcile"))], ["P111"]),
        ([document("Project", "p", "{ledger: {url: 'file://../ledger'}}")], ["P101"]),
        ([document("Project", "p", "{ledger: {url: 'file:///var/lib/ledger'}}")], []),
    ],
)  # fmt: skip
def test_overlap(documents: list[str], expected: list[str], tmp_path: Path) -> None:
    found = loaded(tmp_path, "---\n".join([HERE, THERE, SAME, *documents]))
    assert codes(found.diagnostics) == expected


def test_both_places_are_named(tmp_path: Path) -> None:
    found = loaded(tmp_path, local("a", "out") + "---\n" + local("b", "out/b"))
    (one,) = found.diagnostics
    assert one.detail == "This folder lies inside of that of destination a (all.yaml:1). Move one of them."
    assert one.subject == "Destination/b"


def test_many_over_the_same_files_cost_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand datasets of one folder and a hundred destinations in it: no pair of datasets is looked at, and of what a destination lies
    in the innermost are told."""
    datasets = [document("Dataset", f"d{at}", DATA.format("lake")) for at in range(1000)]
    destinations = [local(f"x{at}", f"lake/out/{at}") for at in range(100)]
    documents, _ = parse("---\n".join([*datasets, *destinations]).encode(), "x.yaml")
    kinds = {"Destination": Destination, "Dataset": Dataset}
    index = Index.of([Entry(kinds[each.data["kind"]].model_validate(each.data), each) for each in documents], [])
    looked = 0
    overlap = locations._overlap

    def counted(*args: Any) -> None:
        nonlocal looked
        looked += 1
        overlap(*args)

    monkeypatch.setattr(locations, "_overlap", counted)
    check_locations(index, None)
    assert looked == 300
    assert len(list(index.findings)) == 300


def test_the_ledger_in_many_is_told_at_each(tmp_path: Path) -> None:
    texts = [document("Dataset", f"d{at}", DATA.format("lake")) for at in range(9)]
    found = loaded(tmp_path, "---\n".join([*texts, document("Project", "p", "{ledger: {url: 'file://lake/ledger'}}")]))
    assert codes(found.diagnostics) == ["P111"] * 9


def test_links_count_as_where_they_lead(tmp_path: Path) -> None:
    project, outside = tmp_path / "project", tmp_path / "outside"
    outside.mkdir()
    project.mkdir()
    (project / "link").symlink_to(outside)
    (project / "alias").symlink_to("out")
    texts = [
        local("a", "link/x"),
        local("b", "out"),
        local("c", "alias"),
        document("Project", "p", "{exclude: [link]}"),
    ]
    found = loaded(project, "---\n".join(texts))
    assert codes(found.diagnostics) == ["P101", "P102"]
    assert "symbolic link" in found.diagnostics[0].detail


paths = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3).map("/".join)
placed = st.lists(st.tuples(st.sampled_from(["destination", "dataset"]), paths), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(placed, st.none() | paths)
def test_agrees_with_every_pair(places: list[tuple[str, str]], ledger: str | None) -> None:
    texts = [
        local(f"x{at}", path) if role == "destination" else document("Dataset", f"x{at}", DATA.format(path))
        for at, (role, path) in enumerate(places)
    ]
    roles = list(places)
    if ledger:
        texts.append(document("Project", "p", f"{{ledger: {{url: 'file://{ledger}'}}}}"))
        roles.append(("ledger", ledger))
    kinds = {"Destination": Destination, "Dataset": Dataset, "Project": Project}
    documents, _ = parse("---\n".join(texts).encode(), "x.yaml")
    entries = [Entry(kinds[each.data["kind"]].model_validate(each.data), each) for each in documents]
    index = Index.of(entries, [])
    check_locations(index, None)
    named = {
        frozenset({"destination"}): "P102", frozenset({"ledger", "destination"}): "P103",
        frozenset({"dataset", "destination"}): "P104", frozenset({"ledger", "dataset"}): "P111",
    }  # fmt: skip
    expected = {
        named[frozenset({one[0], two[0]})]
        for one, two in combinations(roles, 2)
        if (f"{one[1]}/".startswith(f"{two[1]}/") or f"{two[1]}/".startswith(f"{one[1]}/"))
        and frozenset({one[0], two[0]}) in named
    }
    assert {each.code for each in index.findings} == expected


@given(st.text(max_size=30))
def test_a_relative_path_never_resolves_outside(text: str) -> None:
    try:
        store, segments = resolve(text, None)
    except ValueError:
        return
    if store == "file" and not text.removeprefix("file://").startswith("/"):
        assert segments[0] == "project"
    assert ".." not in segments
