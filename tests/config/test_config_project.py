"""Which ledger a project uses, found from its Project and Account alone, whatever is wrong with the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.config import reading
from reconciler.config.invalid import NotValid
from reconciler.config.project import find_ledger
from reconciler.errors import ConfigInvalid
from tests.config.support import codes, document, write

LOCAL = document("Project", "growth", "{ledger: {url: 'file://state'}}")
IN_S3 = document("Project", "growth", "{ledger: {url: 's3://acme/growth', account: lake}}")
LAKE = document("Account", "lake", "{type: aws, region: eu-west-1}")
BROKEN = "apiVersion: reconciler/v1\nkind: Audience\nmetadata: {name: [\n"


def refused(folder: Path, environment: str | None = None) -> list[str]:
    with pytest.raises(NotValid) as caught:
        find_ledger(folder, environment)
    assert caught.value.exit_code == 3
    return codes(caught.value.diagnostics)


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were parsed."""
    names: list[str] = []
    real = reading.parse

    def noted(content: bytes, name: str):  # type: ignore[no-untyped-def]
        names.append(name)
        return real(content, name)

    monkeypatch.setattr(reading, "parse", noted)
    return names


def test_a_project_names_its_ledger(tmp_path: Path) -> None:
    found = find_ledger(write(tmp_path, {"reconcile.yaml": LOCAL}))
    assert (found.project, found.environment, found.spec.url, found.account) == ("growth", None, "file://state", None)


def test_without_a_project_document_it_is_the_default(tmp_path: Path) -> None:
    found = find_ledger(write(tmp_path, {"a.yaml": document("Schedule", "daily", "{frequency: daily, time: '02:00'}")}))
    assert (found.project, found.spec.url) == ("default", "file://.reconcile/ledger")


def test_a_directory_without_any_yaml_is_no_project(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        find_ledger(tmp_path)
    assert caught.value.code == "P109"


@pytest.mark.parametrize("name", ["reconcile.yaml", "teams/growth/project.yaml"])
def test_an_account_is_found_wherever_it_stands(tmp_path: Path, name: str) -> None:
    files = {name: IN_S3, "accounts/aws.yaml": document("Account", "other", "{type: aws}") + "---\n" + LAKE}
    found = find_ledger(write(tmp_path, files))
    assert found.account is not None
    assert found.account.region == "eu-west-1"


def test_what_is_wrong_elsewhere_is_not_looked_at(tmp_path: Path, parsed: list[str]) -> None:
    files = {f"audiences/{number}.yaml": BROKEN for number in range(50)}
    found = find_ledger(write(tmp_path, {**files, "reconcile.yaml": IN_S3, "accounts/lake.yaml": LAKE}))
    assert found.account is not None
    assert parsed == ["reconcile.yaml", "accounts/lake.yaml"]


def test_a_local_ledger_needs_one_file(tmp_path: Path, parsed: list[str]) -> None:
    files = {f"accounts/{number}.yaml": LAKE for number in range(50)}
    find_ledger(write(tmp_path, {**files, "reconcile.yaml": LOCAL}))
    assert parsed == ["reconcile.yaml"]


def test_wrong_documents_beside_it_in_the_same_file_do_not_matter(tmp_path: Path) -> None:
    bad = document("Audience", "us", "{dataset: nope, colour: red}")
    assert find_ledger(write(tmp_path, {"all.yaml": f"{bad}---\n{IN_S3}---\n{LAKE}"})).account is not None


@pytest.mark.parametrize(
    "text",
    [
        document("Project", "growth", "{ledger: {url: 'file://state'}, colour: red}"),
        document("Project", "growth", "{ledger: {url: 'ftp://state'}}"),
        LOCAL + "spec: {}\n",
        LOCAL + "bad: [\n",
        document("Project", "growth", "{ledger: {url: 'file://../state'}}"),
        document("Project", "growth", "{ledger: {url: 'file://state', account: lake}}") + "---\n" + LAKE,
    ],
)
@pytest.mark.parametrize("name", ["reconcile.yaml", "a/project.yaml"])
def test_a_wrong_project_is_refused_and_no_default_taken(tmp_path: Path, name: str, text: str) -> None:
    assert refused(write(tmp_path, {name: text}))


def test_of_two_projects_none_is_guessed(tmp_path: Path) -> None:
    other = document("Project", "sales", "{ledger: {url: 'file://other'}}")
    assert refused(write(tmp_path, {"a.yaml": LOCAL, "b.yaml": other})) == ["R103"]


def test_an_account_that_is_missing_wrong_or_there_twice(tmp_path: Path) -> None:
    write(tmp_path, {"reconcile.yaml": IN_S3})
    assert refused(tmp_path) == ["R101"]
    assert refused(write(tmp_path, {"a.yaml": document("Account", "lake", "{type: aws, colour: red}")})) == ["C101"]
    assert refused(write(tmp_path, {"a.yaml": LAKE + "bad: [\n"}))[0].startswith("Y")
    assert refused(write(tmp_path, {"a.yaml": LAKE, "b.yaml": LAKE})) == ["R102"]


def test_excluded_files_do_not_count(tmp_path: Path) -> None:
    text = IN_S3.replace("account: lake}", "account: lake}, exclude: ['old/**']")
    write(tmp_path, {"reconcile.yaml": text, "old/lake.yaml": LAKE})
    assert refused(tmp_path) == ["R101"]
    assert find_ledger(write(tmp_path, {"lake.yaml": LAKE})).account is not None


def test_included_dot_folders_do(tmp_path: Path) -> None:
    text = IN_S3.replace("account: lake}", "account: lake}, include: ['.lake/*.yaml']")
    assert find_ledger(write(tmp_path, {"reconcile.yaml": text, ".lake/a.yaml": LAKE})).account is not None


def test_an_environment_may_name_another_ledger(tmp_path: Path) -> None:
    patch = document("Project", "growth", "{ledger: {url: 's3://acme/prod', account: lake}}")
    region = document("Account", "lake", "{region: us-east-1}")
    other = document("Audience", "nope", "{where: x}")
    write(tmp_path, {"reconcile.yaml": LOCAL, "accounts.yaml": LAKE})
    write(tmp_path, {"environments/prod.yaml": f"{patch}---\n{other}---\n{region}"})
    found = find_ledger(tmp_path, "prod")
    assert (found.environment, found.spec.url) == ("prod", "s3://acme/prod")
    assert found.account is not None
    assert found.account.region == "us-east-1"
    assert find_ledger(tmp_path).spec.url == "file://state"


def test_an_overlay_that_is_missing_or_wrong_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"reconcile.yaml": LOCAL})
    assert refused(tmp_path, "prod") == ["R116"]
    write(tmp_path, {"environments/prod.yaml": BROKEN})
    assert refused(tmp_path, "prod")[0].startswith("Y")
    write(tmp_path, {"environments/prod.yaml": document("Project", "growht", "{ledger: {url: 'file://b'}}")})
    assert refused(tmp_path, "prod") == ["R115"]
    write(tmp_path, {"environments/prod.yaml": document("Project", "growth", "{ledger: {url: 7}}")})
    assert refused(tmp_path, "prod")[0].startswith("C")


@pytest.mark.parametrize(
    "spelling",
    ['kind: "Project"', "'kind': Project", "kind: 'Project' # here", 'kind: "Pro\\x6aect"', "kind:\n  Project"],
)
def test_however_the_kind_is_spelt(tmp_path: Path, spelling: str) -> None:
    text = LOCAL.replace("kind: Project", spelling)
    assert find_ledger(write(tmp_path, {"p.yaml": text})).spec.url == "file://state"


def test_a_link_that_leads_out_is_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (tmp_path / "outside.yaml").write_text(LOCAL)
    (folder / "reconcile.yaml").symlink_to(tmp_path / "outside.yaml")
    assert refused(folder) == ["P105"]
    assert refused(write(folder, {"a.yaml": LAKE})) == ["P105"]
