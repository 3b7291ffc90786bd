"""From any project to any other: what was applied leaves nothing to do, and nothing is lost on the way."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.config.desired import Desired
from reconciler.ledger.records import Actual
from reconciler.plan.plan import RemoveFlow
from reconciler.plan.planner import plan
from tests.plan.planning import NOW, OUTBOX, activation, apply, audience, small

POST = OUTBOX.replace("name: outbox", "name: post").replace("path: out", "path: post")
NAMES = ("a", "b", "c")
flows = st.fixed_dictionaries(
    {},
    optional={
        name: st.tuples(
            st.sampled_from(("outbox", "post")),
            st.sampled_from(("US", "DE")),
            st.sampled_from(("", "suspend: true", "mode: full", "columns: [id]", "onRemove: purge")),
        )
        for name in NAMES
    },
)
Flows = dict[str, tuple[str, str, str]]


def desired(folder: Path, declared: Flows) -> Desired:
    audiences = [audience(name, f"country = '{declared[name][1]}'" if name in declared else "TRUE") for name in NAMES]
    bindings = [
        activation(name, to=to, more=more, name=f"bind-{name}") for name, (to, _, more) in sorted(declared.items())
    ]
    parts = {"audience": "\n---\n".join([audience("us"), *audiences]), "activation": activation("us", name="rest")}
    return small(folder, POST, *bindings, **parts)


@settings(max_examples=60, deadline=None)
@given(st.lists(flows, min_size=1, max_size=4), st.booleans())
def test_what_was_applied_leaves_nothing_to_do(steps: list[Flows], export: bool) -> None:
    actual, now = Actual(), NOW
    with tempfile.TemporaryDirectory() as folder:
        for declared in steps:
            wanted = desired(Path(folder), declared)
            found = plan(wanted, actual, now, allow_removals="all")
            assert found == plan(wanted, actual, now, allow_removals="all")
            before, actual = actual, apply(found, actual, export=export)
            again = plan(wanted, actual, now, allow_removals="all")
            assert [each.change for each in again.changes if each.change != "export"] == []
            assert not (export and again.changes)
            active = {name for name, head in actual.flows.items() if head.state != "removed"}
            assert active == {str(flow_id) for flow_id in wanted.flows}
            removed = {each.subject for each in found.changes if isinstance(each, RemoveFlow)}
            assert removed == {name for name, head in before.flows.items() if head.state != "removed"} - active
            for name in removed | active:
                assert actual.flows[name].epoch >= (before.flows[name].epoch if name in before.flows else 0)
            now += timedelta(hours=17)
