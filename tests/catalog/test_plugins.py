"""Destination types of other packages: found, read by the configuration, kept by the ledger; and what becomes of them once gone."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.accounts.sessions import Sessions
from reconciler.catalog import plugins
from reconciler.catalog.base import DestinationType
from reconciler.catalog.plugins import PluginError
from reconciler.catalog.types import TYPES
from reconciler.config.load import load
from reconciler.config.plugged import types
from reconciler.destinations.open import open_destination
from reconciler.errors import DestinationError, StoreError
from reconciler.ledger import keys
from reconciler.ledger.codec import decode, encode
from reconciler.ledger.records import Applied, DestinationRecord
from reconciler.resources.effective import EffectiveDestination, fingerprint
from tests.apply.fixtures_runs import SLOT
from tests.catalog.plugged import PARCEL, environment, forget, install
from tests.config.support import document, write

LOCKER = "{type: parcel, connection: {locker: 7, code: {fromEnv: CODE}}, format: {type: csv}}"


@pytest.fixture
def parcel(tmp_path: Path) -> Iterator[Path]:
    """The folder in which a package with a type is installed."""
    folder = install(tmp_path / "site", "acme-parcel", "acme_parcel", "parcel = acme_parcel:PARCEL")
    with environment(folder):
        yield folder


def found_in(folder: Path, *documents: str) -> list[tuple[str, int, int, str]]:
    """Code, line, column and detail of each finding."""
    project = write(folder, {"all.yaml": "---\n".join(documents)})
    return [(each.code, each.source.line, each.source.column, each.detail) for each in load(project).diagnostics]


def test_what_is_installed_is_found_and_imported_when_it_is_asked_for(parcel: Path) -> None:
    assert plugins.installed()["parcel"].package == "acme-parcel 1.0"
    assert "acme_parcel" not in sys.modules
    about = plugins.find("parcel")
    assert isinstance(about, DestinationType)
    assert about.title == "Parcel lockers"
    assert [each.name for each in types()[0]] == [*TYPES, "parcel"]


def test_built_in_types_import_no_package(parcel: Path, tmp_path: Path) -> None:
    assert found_in(tmp_path / "p", document("Destination", "box", "{type: local, connection: {path: out}}")) == []
    assert "acme_parcel" not in sys.modules


def test_configuration_takes_its_type_and_judges_its_connection(parcel: Path, tmp_path: Path) -> None:
    assert found_in(tmp_path / "p", document("Destination", "locker", LOCKER)) == []
    wrong = LOCKER.replace("locker: 7", "locker: seven, colour: red")
    assert [
        (code, detail) for code, _, _, detail in found_in(tmp_path / "q", document("Destination", "locker", wrong))
    ] == [
        ("C103", "This must be an integer, not text."),
        ("C101", 'There is no key "colour" here. Keys here: locker, code, keys, byHour.'),
    ]


def test_a_secret_in_its_connection_is_a_reference_and_is_never_repeated(parcel: Path, tmp_path: Path) -> None:
    literal = LOCKER.replace("{fromEnv: CODE}", "hunter2-hunter2")
    ((code, _, _, detail),) = found_in(tmp_path / "p", document("Destination", "locker", literal))
    assert code == "S101"
    assert "hunter2" not in detail
    outside = LOCKER.replace("{fromEnv: CODE}", "{fromFile: ../../code}")
    assert [each[0] for each in found_in(tmp_path / "q", document("Destination", "locker", outside))] == ["P101"]
    within = LOCKER.replace(
        "code: {fromEnv: CODE}", "keys: [{fromEnv: A}, {fromFile: ../b}], byHour: {noon: {fromFile: ../c}}"
    )
    assert [each[0] for each in found_in(tmp_path / "r", document("Destination", "locker", within))] == ["P101", "P101"]


def test_two_destinations_in_one_of_its_places(parcel: Path, tmp_path: Path) -> None:
    found = found_in(tmp_path / "p", document("Destination", "a", LOCKER), document("Destination", "b", LOCKER))
    assert [each[0] for each in found] == ["P102"]


def test_a_format_that_the_type_does_not_write(parcel: Path, tmp_path: Path) -> None:
    ((code, line, _, detail),) = found_in(
        tmp_path / "p", document("Destination", "locker", LOCKER.replace("csv", "json"))
    )
    assert (code, line) == ("R142", 4)
    assert "written as csv, not as json" in detail


def test_a_data_type_that_the_type_does_not_take(parcel: Path, tmp_path: Path) -> None:
    wanting = LOCKER.replace("type: parcel", "type: parcel, accepts: [prospects, customers]")
    ((code, _, _, detail),) = found_in(tmp_path / "p", document("Destination", "locker", wanting))
    assert (code, detail) == ("R104", "Destinations of type parcel take prospects, datasets.")


def test_an_audience_that_the_type_does_not_take_is_sent_elsewhere(parcel: Path, tmp_path: Path) -> None:
    """No `accepts` would help."""
    ((code, _, _, detail),) = found_in(
        tmp_path / "p",
        document("Destination", "locker", LOCKER),
        document("Dataset", "people", "{location: data, format: csv, columns: {id: {type: string}}}"),
        document("Audience", "buyers", "{dataType: customers, dataset: people, where: 'TRUE'}"),
        document("Schedule", "nightly", '{frequency: daily, time: "02:00"}'),
        document("Activation", "a", "{destination: locker, schedule: nightly, audiences: [buyers]}"),
    )
    assert code == "R104"
    assert detail.endswith("Its type, parcel, takes no others than prospects, datasets: use another destination.")


def test_an_account_of_another_type(tmp_path: Path) -> None:
    text = PARCEL.replace("    opens=", '    accounts=("sftp",),\n    opens=')
    with environment(install(tmp_path / "site", "acme-parcel", "acme_parcel", "parcel = acme_parcel:PARCEL", text)):
        ((code, line, column, detail),) = found_in(
            tmp_path / "p",
            document("Account", "cloud", "{type: aws}"),
            document("Destination", "locker", LOCKER.replace("{type: parcel", "{type: parcel, account: cloud")),
        )
    assert (code, line, column) == ("R141", 9, 31)
    assert "A destination of type parcel signs in with an account of type sftp" in detail
    assert "Account cloud (all.yaml:1) is of type aws" in detail


def test_without_the_package_the_type_is_unknown(tmp_path: Path) -> None:
    ((code, line, column, detail),) = found_in(tmp_path, document("Destination", "locker", LOCKER))
    assert (code, line, column) == ("R140", 4, 14)
    assert "local" in detail
    assert "If a package adds it, install that where reconcile runs." in detail


def record() -> DestinationRecord:
    spec = {"type": "parcel", "connection": {"locker": 7, "code": {"fromEnv": "CODE"}}, "format": {"type": "csv"}}
    destination = EffectiveDestination.model_validate({"name": "locker", "spec": spec})
    return DestinationRecord(
        nonce="n", name="locker", owner="p", spec=destination, fingerprint=fingerprint(destination), generation=1,
        protected=False, applied=Applied(at=SLOT, by="t"),
    )  # fmt: skip


def test_the_ledger_keeps_it(parcel: Path) -> None:
    body = encode(record())
    again = decode(DestinationRecord, keys.destination("locker"), body)
    assert again == record()
    assert encode(again) == body
    assert again.spec.spec.connection.url() == "parcel:7"
    assert again.spec.place.store == ("parcel",)


def test_when_the_package_is_gone_the_ledger_is_read_and_nothing_of_it_lost(tmp_path: Path) -> None:
    """One destination's missing package must not stop the runs of all others, nor may its documents be changed by being read."""
    with environment(install(tmp_path / "site", "acme-parcel", "acme_parcel", "parcel = acme_parcel:PARCEL")):
        body, printed = encode(record()), fingerprint(record().spec)
    again = decode(DestinationRecord, keys.destination("locker"), body)
    assert encode(again) == body
    assert fingerprint(again.spec) == printed
    with pytest.raises(DestinationError) as caught:
        open_destination(again.spec, root=tmp_path, accounts=Sessions(tmp_path))
    assert caught.value.code == "D140"
    assert caught.value.detail == (
        "Destination locker is of type parcel. No package that is installed adds it. "
        "Install the package that adds the type, then run again."
    )


def test_a_version_that_reads_the_connection_no_more(tmp_path: Path) -> None:
    with environment(install(tmp_path / "one", "acme-parcel", "acme_parcel", "parcel = acme_parcel:PARCEL")):
        body = encode(record())
    newer = PARCEL.replace("locker: int", "locker: int\n    street: str")
    with environment(install(tmp_path / "two", "acme-parcel", "acme_parcel", "parcel = acme_parcel:PARCEL", newer)):
        again = decode(DestinationRecord, keys.destination("locker"), body)
        with pytest.raises(DestinationError, match=r"D140.*doesn't read the connection as it was applied"):
            open_destination(again.spec, root=tmp_path, accounts=Sessions(tmp_path))
    assert encode(again) == body


def test_a_damaged_built_in_destination_is_still_damage() -> None:
    data = json.loads(encode(record()))
    data["spec"]["spec"] = {"type": "local", "connection": {"pat": "x"}}
    with pytest.raises(StoreError, match="L110"):
        decode(DestinationRecord, keys.destination("locker"), json.dumps(data).encode())


def test_what_opens_it_must_be_there(parcel: Path, tmp_path: Path) -> None:
    with pytest.raises(DestinationError) as caught:
        open_destination(record().spec, root=tmp_path, accounts=Sessions(tmp_path))
    assert caught.value.code == "D141"
    assert "acme_parcel" in caught.value.detail


UNUSABLE = {
    "is added more than once": {"other": "parcel = acme_parcel:PARCEL"},
    "can't be imported (ModuleNotFoundError)": {"acme-parcel": "parcel = nowhere:PARCEL"},
    "can't be imported (AttributeError)": {"acme-parcel": "parcel = acme_parcel:LETTER"},
    "isn't declared by a DestinationType": {"acme-parcel": "parcel = acme_parcel:ParcelConnection"},
    "calls itself otherwise": {"acme-parcel": "letter = acme_parcel:PARCEL"},
    "has the name of a built-in type": {"acme-parcel": "local = acme_parcel:PARCEL"},
}


@pytest.mark.parametrize("why", UNUSABLE)
def test_what_a_package_declares_wrongly(why: str, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    for name, entries in ({"acme-parcel": "parcel = acme_parcel:PARCEL"} | UNUSABLE[why]).items():
        install(folder, name, "acme_parcel", entries)
    with environment(folder):
        (name,) = plugins.installed()
        with pytest.raises(PluginError) as caught:
            plugins.installed()[name].load()
        assert why in str(caught.value)
        found, broken = types()
        assert [each.name for each in found] == list(TYPES)
        assert len(broken) == 1
        if name != "local":
            ((code, line, _, _),) = found_in(
                tmp_path / "p", document("Destination", "locker", LOCKER.replace("parcel", name))
            )
            assert (code, line) == ("D141", 4)
        else:
            assert plugins.find("local") is TYPES["local"]


def test_accounts_that_there_are_not(tmp_path: Path) -> None:
    text = PARCEL.replace("    opens=", '    accounts=("locker-company", "sftp"),\n    opens=')
    with environment(install(tmp_path / "site", "acme-parcel", "acme_parcel", "parcel = acme_parcel:PARCEL", text)):
        ((code, _, _, detail),) = found_in(tmp_path / "p", document("Destination", "locker", LOCKER))
        assert code == "D141"
        assert "signs in with an account of type locker-company, which there isn't" in detail
        assert [str(each) for each in types()[1]] == [f"D141 a destination plug-in can't be used: {detail}"]


def test_a_connection_without_a_schema(tmp_path: Path) -> None:
    text = PARCEL.replace("locker: int", "locker: int\n    next: 'ParcelConnection | None' = None")
    with environment(install(tmp_path / "site", "acme-parcel", "acme_parcel", "parcel = acme_parcel:PARCEL", text)):
        ((code, _, _, detail),) = found_in(tmp_path / "p", document("Destination", "locker", LOCKER))
    assert code == "D141"
    assert "no JSON Schema can be made" in detail


def test_the_current_folder_is_not_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m reconciler` has it first on Python's path, and it may be a stranger's checkout."""
    install(tmp_path, "acme-parcel", "acme_parcel", "parcel = acme_parcel:PARCEL")
    monkeypatch.chdir(tmp_path)
    for here in ("", str(tmp_path), os.curdir):
        monkeypatch.setattr(sys, "path", [here, *sys.path])
        forget()
        assert "parcel" not in plugins.installed()
    forget()
