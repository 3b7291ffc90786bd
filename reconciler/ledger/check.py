"""Any document of a ledger by its key: which kind it is, and whether it is what its key says. Pure."""

from __future__ import annotations

from reconciler.ledger import keys
from reconciler.ledger.alerts import AlertBook
from reconciler.ledger.codec import decode, digest, torn
from reconciler.ledger.records import (
    DestinationRecord,
    Document,
    FlowHead,
    PinRecord,
    ProjectRecord,
    RunRecord,
    StagedRecord,
)
from reconciler.values.identity import FlowId


def checked(key: str, body: bytes) -> Document:
    """The document at `key`. Raises `StoreError`: L110 torn, of no known kind, or not what the key says; L111 newer."""
    kind, _, name = key.partition("/")
    match kind + ("/" if name else ""):
        case keys.PROJECT:
            return decode(ProjectRecord, key, body)
        case keys.DESTINATIONS:
            return decode(DestinationRecord, key, body)
        case keys.FLOWS:
            return decode(FlowHead, key, body)
        case keys.ALERTS:
            book = decode(AlertBook, key, body)
            return _if(book.flow == name, key, book)
        case keys.PINS:
            pin = decode(PinRecord, key, body)
            return _if(pin.pin.digest() == name, key, pin)
        case keys.STAGED:
            return decode(StagedRecord, key, body)
        case keys.RUNS:
            run = decode(RunRecord, key, body)
            return _if(_run_key(run) == key, key, run)
        case _:
            raise torn(key)


def _run_key(run: RunRecord) -> str | None:
    try:
        return keys.run(FlowId.parse(run.flow), run.slot, run.run_id)
    except ValueError:
        return None


def _if(right: bool, key: str, document: Document) -> Document:
    if not right:
        raise torn(key)
    return document


class References:
    """What heads name and what is there, as documents are added: heads before what they name."""

    def __init__(self) -> None:
        self._pins: set[str] = set()
        self._recorded: set[str] = set()
        self._staged: dict[str, str] = {}
        self._needed_pins: set[str] = set()
        self._needed_staged: dict[str, str | None] = {}

    def add(self, key: str, document: Document) -> None:
        """A document that was checked."""
        match document:
            case PinRecord():
                self._pins.add(key)
            case RunRecord():
                if document.run_id in self._needed_staged:
                    self._recorded.add(document.run_id)
            case StagedRecord():
                self._staged[document.run_id] = digest(document)
            case FlowHead():
                undecided = document.open is not None and document.open.phase == "staging"
                lasting = document.model_copy(update={"open": None}) if undecided else document
                self._needed_pins |= {keys.pin(each) for each in lasting.pins()}
                if document.open is not None and document.open.phase == "publishing":
                    self._needed_staged[document.open.run_id] = document.open.staged_digest
            case _:
                return

    def missing(self) -> list[str]:
        """Keys that a head needs and that aren't there, or aren't what it names; sorted.

        The pins of an undecided run may be missing: they are stored after the claim, and it is discarded in any case.
        """
        staged = [
            keys.staged(run_id)
            for run_id, digest in self._needed_staged.items()
            if run_id not in self._recorded and self._staged.get(run_id) != digest
        ]
        return sorted([*(self._needed_pins - self._pins), *staged])
