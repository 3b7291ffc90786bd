"""`Project.spec.requiredLabels`: keys that destinations, audiences and activations must have among their labels."""

from __future__ import annotations

from pathlib import Path

from reconciler.api.project import Project
from tests.cli.support import Reconcile


def test_a_label_that_is_required_and_not_there_is_an_error_where_it_belongs(
    tmp_path: Path, reconcile: Reconcile
) -> None:
    folder = tmp_path / "shop"
    assert reconcile("init", folder).code == 0
    project = folder / "reconcile.yaml"
    project.write_text(f"{project.read_text().rstrip()}\nspec: {{requiredLabels: [team, cost-centre]}}\n")
    found = [each for each in Project.open(folder).validate().diagnostics if each.code == "R127"]
    assert {each.subject for each in found} == {
        "Destination/outbox",
        "Audience/us-high-intent",
        "Activation/nightly",
    }
    assert all("team and cost-centre" in each.detail and each.source.line > 1 for each in found)
    for each in found:
        path = folder / each.source.path
        text = path.read_text()
        name = each.subject.partition("/")[2]
        path.write_text(
            text.replace(f"{{name: {name}}}", f"{{name: {name}, labels: {{team: growth, cost-centre: c1}}}}")
        )
    found_now = Project.open(folder).validate().diagnostics
    assert found_now == ()
    outbox = next(folder.glob("destinations/*.yaml"))
    outbox.write_text(outbox.read_text().replace("team: growth, ", ""))
    (left,) = Project.open(folder).validate().diagnostics
    assert (left.code, "team" in left.detail, "cost-centre" in left.detail) == ("R127", True, False)
