"""`catalog`: types, parameters, connections, the control that applies; for people to the letter, for machines by its schema."""

from __future__ import annotations

import json
import os
import pwd
from itertools import product
from pathlib import Path

import jsonschema_rs
import pytest

from reconciler.catalog.control import Permission, Target, control, control_of
from reconciler.catalog.local import LOCAL
from reconciler.catalog.types import TYPES
from reconciler.config.schemas import published
from tests.catalog.plugged import environment, install
from tests.cli.support import Reconcile
from tests.config.support import document, write

GOLDEN = Path(__file__).parents[1] / "golden"


def test_catalog_shows_each_type_with_its_parameters(reconcile: Reconcile) -> None:
    text = reconcile("catalog").out
    data = {each["name"]: each for each in json.loads(reconcile("catalog", "--format", "json").out)["types"]}
    assert set(data) == set(TYPES)
    for name, about in TYPES.items():
        assert f"{name}  {about.title}" in text
        names = [each["name"] for each in data[name]["connection"] if "." not in each["name"]]
        assert names == [field.alias for field in about.connection.model_fields.values()]
        assert all(each in text for each in names)


def test_catalog_says_what_each_parameter_takes(reconcile: Reconcile) -> None:
    (s3,) = json.loads(reconcile("catalog", "s3", "--format", "json").out)["types"]
    found = {each["name"]: each for each in s3["connection"]}
    assert {name for name, each in found.items() if each["required"]} == {
        "bucket",
        "encryption.type",
        "encryption.keyId",
    }
    assert found["expectedBucketOwner"]["pattern"] == r"^[0-9]{12}$"
    assert found["access"]["value"] == "`read-write` or `write-only`"
    assert found["access"]["default"] == "read-write"
    assert found["encryption.keyId"]["when"] == "type: sse-kms"
    account = {each["name"]: each for each in s3["accountFields"]["aws"]}
    assert {name for name, each in account.items() if each["secret"]} == {
        "auth.accessKey.accessKeyId",
        "auth.accessKey.secretAccessKey",
        "auth.accessKey.sessionToken",
        "auth.assumeRole.externalId",
    }
    text = reconcile("catalog", "s3").out
    for each in (*found, *account):
        assert f"    {each} " in text
    assert r"^[0-9]{12}$" in text
    assert str(found["bucket"]["pattern"]) not in text, "the description says it better"


def connection(name: str, accepts: list[str], control: str, **more: bool) -> dict[str, object]:
    return {"name": name, "accepts": accepts, "control": control, "declared": True, **more}


def test_catalog_shows_connections_and_the_control_that_applies(sample: Path, reconcile: Reconcile) -> None:
    """Each type: set up a first destination, or activate what its destinations take."""

    def shown(*arguments: str | Path) -> dict[str, tuple[str, list[dict[str, object]]]]:
        found = json.loads(reconcile(*arguments, "catalog", "--format", "json").out)["types"]
        return {each["name"]: (each["control"], each["connections"]) for each in found}

    assert shown() == {name: ("set-up", []) for name in TYPES}
    assert shown("-C", sample) == {name: ("set-up", []) for name in TYPES} | {
        "local": ("activate", [connection("outbox", ["prospects", "customers", "datasets"], "activate")]),
        "s3": ("activate-audiences", [connection("agency-s3", ["prospects"], "activate-audiences")]),
    }
    text = reconcile("-C", sample, "catalog").out
    assert "  connections  agency-s3 (prospects)\n" in text
    assert "  control      activate-audiences" in text
    only_data = document("Destination", "lake", "{type: local, accepts: [datasets], connection: {path: lake}}")
    project = write(sample.parent / "data", {"all.yaml": only_data})
    assert shown("-C", project)["local"][0] == "export-datasets"


def test_catalog_of_a_project_that_is_not_valid_is_shown_without_it(sample: Path, reconcile: Reconcile) -> None:
    write(sample, {"b.yaml": "nope"})
    found = reconcile("-C", sample, "catalog")
    assert found.code == 0
    assert "isn't valid" in found.err
    assert "reconcile validate" in found.err
    assert "set-up" not in found.out


def test_catalog_of_one_type_or_data_type(reconcile: Reconcile) -> None:
    assert "Amazon" not in reconcile("catalog", "local").out
    assert "Amazon" in reconcile("catalog", "--data-type", "prospects").out
    for wrong in (("catalog", "ftp"), ("catalog", "--data-type", "people")):
        assert reconcile(*wrong).code == 64


def test_connections_that_are_applied(tmp_path: Path, reconcile: Reconcile) -> None:
    """Declared and applied, not applied yet, and no longer declared."""
    box = document("Destination", "box", "{type: local, connection: {path: box}}")
    old = document("Destination", "old", "{type: local, accepts: [datasets], connection: {path: old}}")
    new = document("Destination", "new", "{type: local, connection: {path: new}}")
    project = write(tmp_path / "p", {"a.yaml": f"{box}---\n{old}"})
    assert reconcile("-C", project, "apply", "--yes").code == 0
    write(project, {"a.yaml": f"{box}---\n{new}"})
    every = ["prospects", "customers", "datasets"]
    found = json.loads(reconcile("-C", project, "catalog", "local", "--applied", "--format", "json").out)["types"]
    assert found[0]["connections"] == [
        connection("box", every, "activate", applied=True),
        connection("new", every, "activate", applied=False),
        {**connection("old", ["datasets"], "export-datasets", applied=True), "declared": False},
    ]
    text = reconcile("-C", project, "catalog", "local", "--applied").out
    assert (
        "new (prospects, customers, datasets, not applied yet), old (datasets, no longer declared; export-datasets)\n"
        in text
    )
    assert "old (" not in reconcile("-C", project, "catalog", "local").out
    assert reconcile("catalog", "--applied").code == 3


ALLOWED: list[tuple[set[Permission], str, str]] = [
    # granted, the control of a type without connections, and with one that takes all
    ({"view-destinations", "manage-destinations", "activate-destinations", "activate-datasets"}, "set-up", "activate"),
    ({"view-destinations", "activate-destinations"}, "none", "activate-audiences"),
    ({"view-destinations", "activate-datasets"}, "none", "export-datasets"),
    ({"view-destinations", "manage-destinations"}, "set-up", "set-up"),
    ({"view-destinations", "manage-dataset-destinations"}, "set-up", "set-up"),
    ({"manage-destinations", "activate-destinations", "activate-datasets"}, "none", "none"),
    ({"view-destinations"}, "none", "none"),
    (set(), "none", "none"),
]


@pytest.mark.parametrize(("granted", "without", "having"), ALLOWED)
def test_the_control_is_what_the_principal_may_do(granted: set[Permission], without: str, having: str) -> None:
    box = Target("box", ("prospects", "datasets"))
    may = lambda permission, to: permission in granted  # noqa: E731
    assert control(LOCAL, [], may) == without
    assert control(LOCAL, [box], may) == having
    assert control_of(LOCAL, box, may) == ("none" if having == "set-up" else having)


def test_grants_are_asked_for_each_connection() -> None:
    mine, theirs = Target("mine", ("prospects",), {"team": "growth"}), Target("theirs", ("datasets",))

    def may(permission: Permission, to: Target | None) -> bool:
        return to is not None and to.labels.get("team") == "growth"

    assert control(LOCAL, [mine, theirs], may) == "activate-audiences"
    assert [control_of(LOCAL, each, may) for each in (mine, theirs)] == ["activate-audiences", "none"]
    assert control(LOCAL, [theirs], may) == "none"


def test_datasets_alone_or_audiences_alone_are_one_right() -> None:
    """Whatever a destination takes, no right for the one gives the other."""
    for accepts, permission in product(
        [("prospects",), ("customers",), ("datasets",)], ["activate-destinations", "activate-datasets"]
    ):
        found = control(
            LOCAL, [Target("box", accepts)], lambda asked, to, given=permission: asked in ("view-destinations", given)
        )  # type: ignore[misc]
        assert (found != "none") == ((accepts == ("datasets",)) == (permission == "activate-datasets"))


def test_json_has_its_published_schema(sample: Path, reconcile: Reconcile) -> None:
    schema = json.loads(reconcile("schema", "catalog").out)
    assert schema == published("catalog")
    validator = jsonschema_rs.Draft202012Validator(schema)
    for arguments in (("-C", sample, "catalog"), ("catalog",), ("catalog", "s3")):
        found = json.loads(reconcile(*arguments, "--format", "json").out)
        validator.validate(found)
        assert not validator.is_valid({**found, "version": 2})


def test_text_is_as_the_golden_file_says(sample: Path, reconcile: Reconcile) -> None:
    text = reconcile("-C", sample, "catalog", "local").out
    golden = GOLDEN / "catalog-local.txt"
    if os.environ.get("RECONCILER_UPDATE_GOLDEN"):
        golden.write_text(text, "utf-8")
    assert text == golden.read_text("utf-8")


def test_plug_ins_are_shown_and_those_that_cannot_be_used_are_named(tmp_path: Path, reconcile: Reconcile) -> None:
    site = install(tmp_path / "site", "acme-parcel", "acme_parcel", "parcel = acme_parcel:PARCEL")
    install(tmp_path / "site", "acme-letter", "acme_letter", "letter = acme_letter:NOTHING")
    spec = "{type: parcel, connection: {locker: 7}, format: {type: csv}}"
    project = write(tmp_path / "p", {"a.yaml": document("Destination", "locker", spec)})
    with environment(site):
        found = reconcile("-C", project, "catalog")
        assert "parcel  Parcel lockers\n  Files in a locker.\n  package      acme-parcel 1.0\n" in found.out
        assert "  connections  locker (prospects, datasets)\n" in found.out
        assert "    code    optional  secret.\n" in found.out
        assert "D141" in found.err
        assert "acme-letter 1.0 can't be imported (AttributeError)" in found.err
        (parcel,) = json.loads(reconcile("catalog", "parcel", "--format", "json").out)["types"]
        assert (parcel["package"], [each["secret"] for each in parcel["connection"]]) == (
            "acme-parcel 1.0",
            [False, True, True, True],
        )
        assert "parcel" not in reconcile("catalog", "--data-type", "customers").out
        schema = json.loads(reconcile("schema", "Destination").out)
        assert schema["properties"]["spec"]["properties"]["type"]["enum"] == [*sorted(TYPES), "parcel"]
        declared = {"type": "parcel", "connection": {"locker": 7}}
        whole = {"apiVersion": "reconciler/v1", "kind": "Destination", "metadata": {"name": "x"}, "spec": declared}
        assert jsonschema_rs.Draft202012Validator(schema).is_valid(whole)
        declared["connection"] = {"locker": "seven"}
        assert not jsonschema_rs.Draft202012Validator(schema).is_valid(whole)


def test_roles_decide_for_who_asks(tmp_path: Path, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Declared ones, or with --applied those of the ledger; by the operating system's user, whatever its environment says."""
    monkeypatch.setenv("USER", "ana")
    me = pwd.getpwuid(os.geteuid()).pw_name
    boxes = [
        document("Destination", name, f"{{type: local, connection: {{path: {name}}}}}") for name in ("mine", "theirs")
    ]
    manages = "manage-policies, manage-destinations, manage-dataset-destinations, view-destinations"
    privacy = document("Role", "privacy", f"{{subjects: [{{user: {me}}}], grants: [{manages}]}}")
    mine = document(
        "Role",
        "mine",
        f"{{subjects: [{{user: {me}}}], grants: [view-destinations, activate-datasets], destinations: [mine]}}",
    )
    hers = document("Role", "hers", "{subjects: [{user: ana}], grants: [view-destinations, activate-destinations]}")
    project = write(tmp_path / "p", {"a.yaml": "---\n".join((*boxes, privacy, mine, hers))})

    def controls(*arguments: str) -> list[object]:
        found = json.loads(reconcile("-C", project, "catalog", "local", *arguments, "--format", "json").out)["types"][0]
        return [found["control"], *(each["control"] for each in found["connections"])]

    assert controls() == ["export-datasets", "export-datasets", "none"]
    shown = reconcile("-C", project, "catalog", "local").out
    assert "mine (prospects, customers, datasets), theirs (prospects, customers, datasets; none)" in shown
    assert controls("--applied") == ["activate", "activate", "activate"]
    assert reconcile("-C", project, "apply", "--yes").code == 0
    write(project, {"a.yaml": "---\n".join((*boxes, privacy, hers))})
    assert controls("--applied") == ["export-datasets", "export-datasets", "none"]
    assert controls() == ["set-up", "none", "none"]
    write(project, {"a.yaml": "---\n".join(boxes)})
    assert controls() == ["activate", "activate", "activate"]


def test_without_a_token_it_says_that_nobody_is_known(
    tmp_path: Path, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RECONCILER_ID_TOKEN", raising=False)
    identity = "{identity: {issuer: x, audience: y, keys: {file: /nowhere/keys.json}}}"
    role = document("Role", "privacy", "{subjects: [{user: ana}], grants: [manage-policies]}")
    project = write(tmp_path / "p", {"a.yaml": document("Project", "p", identity) + "---\n" + role})
    found = reconcile("-C", project, "catalog", "local")
    assert found.code == 0
    assert "no ID token says who this is" in found.err
    assert "  control      set-up" in found.out
