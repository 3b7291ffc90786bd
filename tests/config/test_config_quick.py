"""The short ways through a sound configuration: they give what the long ones give, or leave it to them."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.config import check as checking
from reconciler.config import parse as parsing
from reconciler.config.check import check
from reconciler.config.load import load
from reconciler.config.parse import Document, parse
from reconciler.config.predicate import predicate_for
from reconciler.config.quick import MOST_VALUES, quick_documents
from reconciler.config.validator import validator_for
from reconciler.diagnostics import Diagnostic
from reconciler.resources.resource import KINDS
from tests.config.support import SAMPLE, write
from tests.config.test_config_schemas import WORDS, mutations, sample_documents
from tests.hostile.test_config_hostile import TEXTS

ROOT = Path(__file__).parents[2]
EXAMPLES = [path.read_text("utf-8") for path in sorted((ROOT / "examples").rglob("*.yaml"))]
PLAIN = {
    "several": "a: 1\n---\nb: [x, {c: 'd'}]\n--- # comment\n\nc: >-\n  folded\n  text\n",
    "empty ones": "---\n---\n# nothing\n---\na: ~\n---\n",
    "ended": "a: 1\n...\n---\nb: 2\n...\n",
    "after comments": "# one\n\n# two\na:\n- b\n- - c\n  - d: {}\n    e: []\n",
    "not ascii": 'a: Grüße\nb: "\\u00e9"\nc: d\n',
    "numbers": "a: [1, -0, 0x1F, 0o17, 010, 1e3, 1.5, .5, 1., +1, 12:30, 2026-12-01, NO, on, null, ~, true, False, '']\n",
    "version": "%YAML 1.2\n---\na: 1\n",
    "crlf": "a: 1\r\nb:\r\n  - c\r\n---\r\nd: e\r\n",
    "nothing": "",
    "only a comment": "# x",
    "keys in quotes": "'a b': 1\n\"c\": 2\n? d\n: 3\n",
}
ODD = {
    "anchor": "a: &x 1\nb: *x\n",
    "tag": "a: !!str 1\n",
    "lone tag": "a: ! 1\n",
    "twice": "a: 1\na: 2\n",
    "number as a key": "1: a\n",
    "merge": "<<: {a: 1}\n",
    "list as a key": "? [a]\n: b\n",
    "a list": "- a\n",
    "a value": "a\n---\nb: 1\n",
    "an integer too large": "a: 99999999999999999999\n",
    "a control character": 'a: "\\0"\n',
    "an invisible key": '"a\\u200b": 1\n',
    "too deep": "a: " + "[" * 32 + "]" * 32,
    "unclosed": "a: [1\n",
    "many values": f"a: [{'1, ' * MOST_VALUES}]\n",
}
LINES = (
    "a: 1", "b: x", "a:", "  c: 'd'", "  - e", "- f", "    g: h", "---", "...", "# i", "", "j: [k, {l: m}]", "n: >-", "  o p",
    "q: |", "r: \"s\\tt\"", "u: &v w", "x: *v", "y: !z 1", "'a b': é", "? k", ": v", "<<: {}", "%YAML 1.2", "{a: b}", "[c",
    "d: 0x1F", "e: 1e400", "f: \"\\x07\"", "\tg: 1", "h: i: j",
)  # fmt: skip


def by_tree(text: str) -> tuple[list[Document], list[Diagnostic]]:
    return parsing._through_tree(text, "x")


def agrees(text: str) -> bool:
    """Whether the file was plain; if so, the tree says the same."""
    plain = quick_documents(text)
    if plain is None:
        return False
    documents, findings = by_tree(text)
    assert findings == []
    seen = [(each.index, each.data, each.start, each.stop) for each in documents]
    assert repr(seen) == repr([tuple(each) for each in plain]), text  # 1 == True, and the order of keys
    return True


@pytest.mark.parametrize("case", PLAIN)
def test_plain_files_are_read_without_the_tree(case: str) -> None:
    assert agrees(PLAIN[case]) or case == "version"


@pytest.mark.parametrize("case", ODD)
def test_odd_files_are_left_to_the_tree(case: str) -> None:
    assert quick_documents(ODD[case]) is None


def test_a_corpus_of_files() -> None:
    assert all(agrees(text) for text in [SAMPLE, *EXAMPLES])
    for text, _ in TEXTS.values():
        if isinstance(text, str):
            agrees(text)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(LINES), max_size=12))
def test_any_row_of_lines(lines: list[str]) -> None:
    agrees("\n".join(lines))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(SAMPLE) - 1), st.integers(0, 12), st.text("&*!%@`'\"\\#[]{}:-?,|> \n\taé0~<", max_size=6))
def test_any_edit_of_the_sample(at: int, length: int, written: str) -> None:
    agrees(SAMPLE[:at] + written + SAMPLE[at + length :])


def test_every_kind_has_a_predicate() -> None:
    assert all(predicate_for(kind) is not None for kind in KINDS)


def same_verdict(document: dict[str, Any], kind: str | None = None) -> bool:
    kind = kind or document["kind"]
    fits = predicate_for(kind)
    assert fits is not None
    verdict: bool = validator_for(kind).is_valid(document)
    assert fits(document) == verdict, document
    return verdict


def test_the_predicates_agree_with_jsonschema_over_a_corpus() -> None:
    examples = [each.data for text in EXAMPLES for each in parse(text.encode(), "x")[0] if "kind" in each.data]
    assert all(same_verdict(each) for each in [*sample_documents(), *examples])
    verdicts = [same_verdict(document) for document in mutations(6000)]
    assert min(verdicts.count(True), verdicts.count(False)) > 300


def paths(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for key, below in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield (*path, key)
        yield from paths(below, (*path, key))


leaves = st.one_of(
    st.sampled_from(WORDS),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["٣", "us\n", "1٣2%", "a" * 64, "file://", "s3://ab", 1.0, 12.0, -0.0, 1e300, ["mon", "mon"], ["mon", 1]]
    ),
)
anything = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_the_predicates_agree_wherever_anything_stands(data: st.DataObject) -> None:
    document = deepcopy(data.draw(st.sampled_from(DOCUMENTS)))
    kind = document["kind"]
    known = list(paths(document))
    *above, key = data.draw(st.sampled_from(known))
    holder: Any = document
    for step in above:
        holder = holder[step]
    if isinstance(holder, dict) and data.draw(st.booleans()):
        key = data.draw(
            st.sampled_from(["renamedFrom", "x", *(path[-1] for path in known if isinstance(path[-1], str))])
        )
    holder[key] = data.draw(anything)
    same_verdict(document, kind)


DOCUMENTS = sample_documents()


def findings(folder: Path) -> tuple[Diagnostic, ...]:
    return load(folder).diagnostics


def test_findings_are_the_same_without_the_short_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project whose every file has something wrong, or is fine by itself."""
    choose = random.Random(20261203)
    lines = SAMPLE.split("\n")
    files: dict[str, str | bytes] = {"all.yaml": SAMPLE}
    for number in range(150):
        changed = list(lines)
        at = choose.randrange(len(lines))
        changed[at] = choose.choice(
            [changed[at].replace(": ", ": x"), changed[at][1:], "  x: 1", changed[at].upper(), "", "'"]
        )
        files[f"f{number}.yaml"] = "\n".join(changed)
    small = {f"h{at}.yaml": text for at, (text, _) in enumerate(TEXTS.values()) if len(text) < 5_000}
    write(tmp_path, files | small)
    quick = findings(tmp_path)
    assert len({each.code for each in quick}) > 20
    monkeypatch.setattr(parsing, "quick_documents", lambda text: None)
    monkeypatch.setattr(checking, "predicate_for", lambda kind, plug_in=None: None)
    monkeypatch.setattr("reconciler.where.quick.quick_tree", lambda text, columns: None)
    assert findings(tmp_path) == quick


def test_jsonschema_has_the_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """A predicate that says no too often costs time only."""
    (document, *_), _ = parse(SAMPLE.encode(), "x")
    monkeypatch.setattr(checking, "predicate_for", lambda kind, plug_in=None: lambda data: False)
    assert check(document)[1] == []


def test_a_sound_project_needs_no_jsonschema(tmp_path: Path) -> None:
    write(tmp_path, {"all.yaml": SAMPLE})
    code = (
        "import sys; from pathlib import Path; from reconciler.config.load import load\n"
        "assert load(Path(sys.argv[1])).desired is not None\n"
        "sys.exit('jsonschema' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == 0
