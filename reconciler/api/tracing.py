"""Spans of runs for OpenTelemetry, sent by OTLP over HTTP in a thread of their own. Nothing that goes wrong with them reaches an export.

Declared in the Project, or by the standard `OTEL_EXPORTER_OTLP_*` variables of whoever runs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from reconciler.accounts.secrets import Secret
from reconciler.alerts.bounded import bounded
from reconciler.api.measuring import NotMeasured
from reconciler.apply.spans import Fact, Part, Span, Spans, untraced
from reconciler.errors import MissingExtra, ReconcilerError, unexpected
from reconciler.resources.project import OpenTelemetrySpec
from reconciler.resources.secrets import SecretRef
from reconciler.version import __version__

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
    from opentelemetry.trace import Span as Traced
    from opentelemetry.trace import Tracer

_TIMEOUT: Final = 5.0
"""Seconds that one request may take, tries included."""
_PATIENCE: Final = 10.0
"""Seconds that sending what is left may take at the end."""
_WHAT: Final = "Spans"
_PATH: Final = "/v1/traces"
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_OURS: Final = "http/protobuf"


def by_environment(env: Mapping[str, str]) -> bool:
    """Whether the environment asks for spans over the protocol that there is."""
    off = env.get("OTEL_SDK_DISABLED", "").lower() == "true" or env.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp"
    protocol = next((env[each] for each in _PROTOCOLS if env.get(each)), _OURS)
    return not off and protocol == _OURS and any(env.get(each) for each in _ENDPOINTS)


@contextmanager
def traced(
    declared: OpenTelemetrySpec | None,
    env: Mapping[str, str],
    project: str,
    resolve: Callable[[SecretRef], Secret],
    tell: Callable[[Any], None],
) -> Iterator[Spans]:
    """How to trace while it is entered; on leaving, what is left is sent. Never raises of its own; `tell` hears `NotMeasured`."""
    if declared is None and not by_environment(env):
        yield untraced
        return
    tracing: _Tracing | None = None
    try:
        tracing = _opened(declared, project, resolve)
    except MissingExtra as error:
        if declared is not None:  # By the environment alone, other programs may be meant.
            tell(NotMeasured(_WHAT, error))
    except ReconcilerError as error:
        tell(NotMeasured(_WHAT, error))
    except Exception as error:
        tell(NotMeasured(_WHAT, unexpected(error)))
    if tracing is None:
        yield untraced
        return
    try:
        yield tracing.begin
    finally:
        if (failed := tracing.closed()) is not None:
            tell(NotMeasured(_WHAT, failed))


@dataclass(frozen=True, slots=True)
class _Tracing:
    provider: TracerProvider
    tracer: Tracer
    outcomes: list[bool]

    def begin(self, part: Part) -> AbstractContextManager[Span]:
        """See `Spans`."""
        return _span(self.tracer, part)

    def closed(self) -> ReconcilerError | None:
        """Sends what is left, in time; why some of it wasn't."""
        failed = False
        try:
            bounded(self.provider.shutdown, _PATIENCE)
        except Exception:
            failed = True
        if failed or not all(self.outcomes):
            said = "The endpoint can't be reached, refused, or took too long. Spans of this call are lost."
            return ReconcilerError("N111", "spans can't be sent", said)
        return None


@contextmanager
def _span(tracer: Tracer, part: Part) -> Iterator[Span]:
    from opentelemetry.trace import Status, StatusCode

    # What is raised may hold paths: its code is noted, and not its text.
    name = f"reconciler.{part}"
    with tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False) as span:
        try:
            yield _Noted(span)
        except ReconcilerError as error:
            span.set_attribute("reconciler.code", error.code)
            span.set_status(Status(StatusCode.ERROR, f"{error.code} {error.summary}"))
            raise
        except BaseException as error:
            span.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise


@dataclass(frozen=True, slots=True)
class _Noted:
    span: Traced

    def note(self, **facts: Fact) -> None:
        """See `Span`."""
        for name, value in facts.items():
            self.span.set_attribute(f"reconciler.{name}", value)


def _opened(declared: OpenTelemetrySpec | None, project: str, resolve: Callable[[SecretRef], Secret]) -> _Tracing:
    """Raises `MissingExtra`, `AccountError`."""
    try:
        import requests
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise MissingExtra("metrics", "sending spans") from error
    _hush()
    session = requests.Session()
    session.max_redirects = 0  # a redirection would take the headers along
    if declared is None:
        exporter = OTLPSpanExporter(session=session, timeout=_TIMEOUT)
    else:
        headers = {name: resolve(ref).reveal() for name, ref in declared.headers.items()}
        endpoint = declared.endpoint.rstrip("/") + _PATH
        exporter = OTLPSpanExporter(endpoint, headers=headers, session=session, timeout=_TIMEOUT)
    outcomes: list[bool] = []
    resource = Resource.create(
        {"service.name": "reconciler", "service.version": __version__, "reconciler.project": project}
    )
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_watched(exporter, outcomes)))
    return _Tracing(provider, provider.get_tracer("reconciler", __version__), outcomes)


def _watched(exporter: SpanExporter, outcomes: list[bool]) -> SpanExporter:
    """An exporter of which each sending's outcome is kept."""
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

    class Watched(SpanExporter):
        def export(self, spans: Any) -> SpanExportResult:
            result = SpanExportResult.FAILURE
            try:
                result = exporter.export(spans)
            finally:
                outcomes.append(result is SpanExportResult.SUCCESS)
            return result

        def shutdown(self) -> None:
            exporter.shutdown()

    return Watched()


def _hush() -> None:
    """Its warnings, of which each try makes one, go nowhere: what failed is told once."""
    logger = logging.getLogger("opentelemetry")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
