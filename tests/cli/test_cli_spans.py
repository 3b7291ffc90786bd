"""Spans of runs, as a real OTLP endpoint gets them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.cli.support import Outcome, Reconcile, simulated_shop
from tests.servers.listener import Listener, listening

PARTS = ["claim", "stage", "judge", "decide", "publish", "record"]


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as found:
        yield found


def shop(tmp_path: Path, reconcile: Reconcile, declared: str = "") -> Path:
    folder = simulated_shop(tmp_path / "shop", reconcile)
    if declared:
        with (folder / "reconcile.yaml").open("a") as file:
            file.write(f"  metrics: {{openTelemetry: {declared}}}\n")
    assert reconcile("-C", folder, "apply", "--yes", "--at", "2054-12-01T00:00Z").code == 0
    return folder


def night(reconcile: Reconcile, folder: Path) -> Outcome:
    return reconcile("-C", folder, "run", "--at", "2054-12-01T02:00Z")


def spans(listener: Listener) -> list[Span]:
    """All that came, by the protocol's own definitions."""
    found: list[Span] = []
    for request in listener.received:
        assert (request.path, request.headers["content-type"]) == ("/v1/traces", "application/x-protobuf")
        batch = ExportTraceServiceRequest.FromString(request.body)
        found += [span for resource in batch.resource_spans for scope in resource.scope_spans for span in scope.spans]
    return found


def facts(span: Span) -> dict[str, object]:
    return {
        each.key.removeprefix("reconciler."): getattr(each.value, each.value.WhichOneof("value"))
        for each in span.attributes
    }


def test_a_run_and_its_parts(tmp_path: Path, reconcile: Reconcile, listener: Listener) -> None:
    folder = shop(tmp_path, reconcile, f"{{endpoint: '{listener.url}', headers: {{x-key: {{fromFile: key}}}}}}")
    (folder / "key").write_text("the-key\n")
    listener.received.clear()
    assert night(reconcile, folder).code == 0
    (root,) = (each for each in spans(listener) if not each.parent_span_id)
    parts = [each for each in spans(listener) if each.parent_span_id]
    assert [each.name for each in sorted(parts, key=lambda each: each.start_time_unix_nano)] == [
        f"reconciler.{part}" for part in PARTS
    ]
    assert {each.parent_span_id for each in parts} == {root.span_id}
    assert all(root.start_time_unix_nano <= each.start_time_unix_nano <= each.end_time_unix_nano for each in parts)
    known = facts(root)
    assert (root.name, known["flow"], known["slot"]) == (
        "reconciler.run",
        "outbox/audience/us-high-intent",
        "2054-12-01T02:00Z",
    )
    assert (known["exported"], known["matched"], known["outcome"], known["kind"]) == (90, 90, "exported", "full")
    assert {each.headers["x-key"] for each in listener.received} == {"the-key"}


def test_an_error_is_its_code_and_not_its_text(tmp_path: Path, reconcile: Reconcile, listener: Listener) -> None:
    folder = shop(tmp_path, reconcile, f"{{endpoint: '{listener.url}'}}")
    (folder / "data").rename(folder / "away")
    assert night(reconcile, folder).code == 1
    (root,) = (each for each in spans(listener) if not each.parent_span_id)
    assert (root.status.code, facts(root)["code"]) == (2, "F101")
    assert str(folder).encode() not in b"".join(each.body for each in listener.received)


def test_the_environment_asks_for_them_too(
    tmp_path: Path, reconcile: Reconcile, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shop(tmp_path, reconcile)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", listener.url)
    assert night(reconcile, folder).code == 0
    assert {each.name for each in spans(listener)} == {f"reconciler.{part}" for part in ["run", *PARTS]}


@pytest.mark.parametrize(
    ("name", "value"),
    [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")],
)
def test_the_environment_asks_for_none(
    tmp_path: Path,
    reconcile: Reconcile,
    listener: Listener,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
) -> None:
    folder = shop(tmp_path, reconcile)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", listener.url)
    monkeypatch.setenv(name, value)
    found = night(reconcile, folder)
    assert (found.code, found.err, listener.received) == (0, "", [])


@pytest.mark.parametrize("status", [302, 400, 503])
def test_an_endpoint_that_refuses_fails_nothing(
    tmp_path: Path, reconcile: Reconcile, listener: Listener, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr("reconciler.api.tracing._TIMEOUT", 0.5)
    with listening() as internal:
        listener.answers, listener.location = [status], f"{internal.url}/v1/traces"
        folder = shop(tmp_path, reconcile, f"{{endpoint: '{listener.url}'}}")
        found = night(reconcile, folder)
        assert internal.received == []
    assert (found.code, found.err.count("N111 spans can't be sent")) == (0, 1)
    assert len(list((folder / "out").rglob("part-*"))) == 1


def test_an_endpoint_that_takes_its_time_is_given_up(
    tmp_path: Path, reconcile: Reconcile, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.api.tracing._PATIENCE", 0.5)
    folder = shop(tmp_path, reconcile, f"{{endpoint: '{listener.url}'}}")
    listener.delay = 30
    found = night(reconcile, folder)
    assert (found.code, "N111" in found.err) == (0, True)


def test_a_secret_that_is_not_there_fails_nothing(tmp_path: Path, reconcile: Reconcile, listener: Listener) -> None:
    folder = shop(tmp_path, reconcile, f"{{endpoint: '{listener.url}', headers: {{x-key: {{fromFile: key}}}}}}")
    found = night(reconcile, folder)
    assert (found.code, "A101" in found.err, listener.received) == (0, True, [])


def test_without_the_extra_a_run_goes_on(
    tmp_path: Path, reconcile: Reconcile, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shop(tmp_path, reconcile, f"{{endpoint: '{listener.url}'}}")
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.sdk.trace.export", None)
    found = night(reconcile, folder)
    assert (found.code, "pip install 'reconciler[metrics]'" in found.err) == (0, True)


def test_a_path_that_leads_out_of_the_project(tmp_path: Path, reconcile: Reconcile) -> None:
    folder = simulated_shop(tmp_path / "shop", reconcile)
    with (folder / "reconcile.yaml").open("a") as file:
        file.write("  metrics: {openTelemetry: {endpoint: 'https://x', headers: {x-key: {fromFile: ../key}}}}\n")
    assert "P101" in reconcile("-C", folder, "validate").out
