"""Permissions where they count: at an apply, by who is proven to make it, under the roles that were applied before."""

from __future__ import annotations

import os
import pwd
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler import Project, Refused
from tests.cli.support import Reconcile
from tests.plan.planning import PROJECT, SCHEDULE, audience
from tests.plan.test_access import PRIVACY, role
from tests.plan.test_governance import to
from tests.servers.issuer import Issuer, issuer

ME = pwd.getpwuid(os.geteuid()).pw_name
DATA = """{apiVersion: reconciler/v1, kind: Dataset, metadata: {name: prospects}, spec: {location: lake, format: csv,
  incremental: {settle: 0s}, columns: {id: {type: string}, country: {type: string}}}}"""
FLOW = """{apiVersion: reconciler/v1, kind: Activation, metadata: {name: out}, spec: {destination: post, schedule: nightly,
  audiences: [us], columns: [COLUMNS], backfill: full}}"""
ALL = "view-destinations, manage-destinations, manage-dataset-destinations, activate-destinations"
GROWTH = role("growth", "{group: growth}", ALL)


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    with issuer(tmp_path_factory.mktemp("issuer")) as found:
        yield found


def write(folder: Path, *documents: str, columns: str = "id", project: str = PROJECT) -> Project:
    (folder / "lake").mkdir(exist_ok=True)
    (folder / "lake" / "a.csv").write_text("id,country\n1,US\n2,US\n")
    parts = (project, SCHEDULE, DATA, audience("us"), to("post"), FLOW.replace("COLUMNS", columns), *documents)
    (folder / "all.yaml").write_text("\n---\n".join(parts))
    return Project.open(folder)


def with_identity(provider: Issuer) -> str:
    spec = f"spec: {{identity: {{issuer: '{provider.url}', audience: reconciler, keys: {{url: '{provider.keys}'}}}}}}"
    return PROJECT.replace("{name: growth}}", f"{{name: growth}}, {spec}}}")


def test_the_operating_systems_user_is_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "ana")
    ana = role("ana", "{user: ana}", ALL)
    project = write(tmp_path, PRIVACY, ana)
    project.apply(project.plan())
    project = write(tmp_path, PRIVACY, ana, columns="id, country")
    plan = project.plan()
    assert [each.code for each in plan.refusals] == ["G150"]
    assert (
        f"{ME} may not update flow post/us, for lack of activate-destinations on post (granted by role ana (user ana))"
        in (plan.refusals[0].sentence)
    )
    with pytest.raises(Refused, match="G150"):
        project.apply(plan)
    with pytest.raises(Refused, match="G150"):
        project.apply(plan.model_copy(update={"refusals": ()}))
    assert project.plan().changes == plan.changes
    with pytest.raises(Refused, match=r"G150.*may not export post/us"):
        project.export("post/us")
    assert not (tmp_path / "post").is_dir() or not list((tmp_path / "post").rglob("part-*"))


def test_what_is_due_is_exported_by_whom_it_may_be(tmp_path: Path) -> None:
    project = write(tmp_path, PRIVACY, role("ana", "{user: ana}", ALL))
    project.apply(project.plan())
    assert project.run() == ()  # nothing is due; nobody is asked who they are
    assert project.status()[0].state


def test_a_token_says_who_it_is(tmp_path: Path, provider: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RECONCILER_ID_TOKEN", raising=False)
    growth = role("growth", "{group: growth}", ALL)
    head = with_identity(provider)
    project = write(tmp_path, PRIVACY, growth, project=head)
    project.apply(project.plan())
    project = write(tmp_path, PRIVACY, growth, columns="id, country", project=head)
    plan = project.plan()
    assert plan.refusals == ()
    assert plan.permissions is not None
    assert plan.permissions.principal is None
    with pytest.raises(Refused, match=r"G151.*RECONCILER_ID_TOKEN"):
        project.apply(plan)
    monkeypatch.setenv("RECONCILER_ID_TOKEN", provider.sign_in("eve"))
    assert [each.code for each in project.plan().refusals] == ["G150"]
    with pytest.raises(Refused, match=r"G150.*eve may not update"):
        project.apply(plan)
    with pytest.raises(Refused, match="G150"):
        project.export("post/us")
    monkeypatch.setenv("RECONCILER_ID_TOKEN", "e30.e30.e30")
    with pytest.raises(Refused, match="G152"):
        project.plan()
    monkeypatch.setenv("RECONCILER_ID_TOKEN", provider.sign_in("ana"))
    project.apply(plan)
    assert project.plan().is_empty
    assert project.status()[0].head.applied.by == "ana"
    assert project.export("post/us").rows == 2


def test_a_token_in_a_file_and_a_role_that_is_widened_by_who_isnt_allowed_to(
    tmp_path: Path, provider: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = with_identity(provider).replace("audience:", "token: {fromFile: token}, audience:")
    growth = role("growth", "{group: growth}", "view-destinations")
    project = write(tmp_path, PRIVACY, growth, project=head)
    project.apply(project.plan())
    (tmp_path / "token").write_text(provider.sign_in("ana") + "\n")
    project = write(tmp_path, PRIVACY, role("growth", "{group: growth}", ALL), columns="id, country", project=head)
    codes = [each.sentence.split(",")[0] for each in project.plan().refusals]
    assert codes == ["ana may not change what permissions are judged by", "ana may not update flow post/us"]


def test_ones_own_issuer_is_no_way_in(tmp_path: Path, provider: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who edits `identity` is judged by the one that is applied, here the operating system's."""
    growth = role("ana", "{user: ana}", "manage-policies, " + ALL)
    project = write(tmp_path, growth)
    project.apply(project.plan())
    monkeypatch.setenv("RECONCILER_ID_TOKEN", provider.sign_in("ana"))
    project = write(tmp_path, growth, project=with_identity(provider))
    (refusal,) = project.plan().refusals
    assert refusal.sentence.startswith(f"{ME} may not change what permissions are judged by")


def test_a_saved_plan_is_judged_by_who_applies_it(
    tmp_path: Path, provider: Issuer, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_ID_TOKEN", provider.sign_in("ana"))
    growth = role("growth", "{group: growth}", ALL)
    head = with_identity(provider)
    write(tmp_path, PRIVACY, growth, project=head)
    assert reconcile("-C", tmp_path, "apply", "--yes").code == 0
    write(tmp_path, PRIVACY, growth, columns="id, country", project=head)
    saved = tmp_path / "saved.json"
    planned = reconcile("-C", tmp_path, "plan", "--out", saved)
    assert planned.code == 0
    assert "Permissions  ana has all that is needed" in planned.out
    assert os.environ["RECONCILER_ID_TOKEN"] not in saved.read_text()
    monkeypatch.setenv("RECONCILER_ID_TOKEN", provider.sign_in("eve"))
    refused = reconcile("-C", tmp_path, "apply", saved, "--yes")
    assert refused.code == 4
    assert "eve may not update flow post/us" in refused.err
    monkeypatch.setenv("RECONCILER_ID_TOKEN", provider.sign_in("ana"))
    assert reconcile("-C", tmp_path, "apply", saved, "--yes").code == 0


def test_roles_are_listed(tmp_path: Path, reconcile: Reconcile) -> None:
    write(tmp_path, PRIVACY, role("growth", "{group: growth}", ALL, "destinations: [post]"))
    listed = reconcile("-C", tmp_path, "list", "Role").out
    assert "privacy  group privacy  manage-policies" in listed
    assert "post\n" in listed


def test_a_comparison_of_revisions_goes_by_the_base_and_asks_nobody(
    tmp_path: Path, provider: Issuer, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A review runs as whom the CI likes: the operating system's user says nothing there, and keys at a URL aren't fetched."""

    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.com")
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    def reviewed(project: str, *roles: str) -> tuple[int, str]:
        write(tmp_path, PRIVACY, GROWTH, project=project)
        git("add", "all.yaml")
        git("commit", "--allow-empty", "-qm", "base")
        write(tmp_path, PRIVACY, *roles, columns="id, country", project=project)
        found = reconcile("-C", tmp_path, "plan", "--base", "HEAD")
        return found.code, found.out + found.err

    git("init", "-q")
    monkeypatch.delenv("RECONCILER_ID_TOKEN", raising=False)
    code, said = reviewed(PROJECT, GROWTH)
    assert (code, "activate-destinations on post: role growth (group growth)" in said) == (0, True)
    code, said = reviewed(PROJECT, role("growth", "{group: guests}", ALL))
    assert (code, "role growth (group guests)" in said) == (0, False)
    monkeypatch.setenv("RECONCILER_ID_TOKEN", provider.sign_in("eve"))
    monkeypatch.setattr("urllib.request.OpenerDirector.open", lambda *_, **__: pytest.fail("the network was asked"))
    code, said = reviewed(with_identity(provider), GROWTH)
    assert (code, "it isn't known who this is" in said) == (0, True)
    monkeypatch.undo()
    monkeypatch.setenv("RECONCILER_ID_TOKEN", provider.sign_in("eve"))
    with urllib.request.urlopen(provider.keys) as answer:
        (tmp_path / "keys.json").write_bytes(answer.read())
    head = with_identity(provider).replace(f"url: '{provider.keys}'", f"file: {tmp_path / 'keys.json'}")
    code, said = reviewed(head, GROWTH)
    assert (code, "eve may not update flow post/us" in said) == (4, True)
