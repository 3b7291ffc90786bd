"""Counts effects as they happen, and signals its own process at one of them.

Two kinds of points. `ports`: the methods that the ports themselves name as their effects (`STORE_EFFECTS`,
`DESTINATION_EFFECTS`), before and after each. `wires`: what these do below, one by one: every request that may change something
in a cloud or by SFTP, every call of the operating system that changes a folder or a file, every statement that changes a database;
so that a process also dies in the middle of an effect. Nothing is listed by hand: a new effect, a new request, another call is met
by itself.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from reconciler.accounts.sftp_wire import CREATE, Wire
from reconciler.destinations.base import DESTINATION_EFFECTS
from reconciler.ledger.store import STORE_EFFECTS

Level = Literal["ports", "wires"]
SYSTEM_CALLS = ("open", "rename", "replace", "unlink", "remove", "mkdir", "rmdir", "link", "fsync", "truncate")
SFTP_REQUESTS = ("open", "write", "rename", "rename_over", "remove", "make_folder", "remove_folder")
_READS = ("GET", "HEAD")


@dataclass
class Mine:
    """`at`: the effect, from 1, at which the process sends itself `signal`; 0: none. `only`: counted are those of this name."""

    level: Level = "ports"
    at: int = 0
    before: bool = True
    signal: int = 0
    only: str = ""
    names: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def around(self, level: Level, name: str, effect: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Performs an effect, counted where it is of our level."""
        if level != self.level or self.only not in ("", name):
            return effect(*arguments, **named)
        with self._lock:
            self.names.append(name)
            here = len(self.names) == self.at
        if here and self.before:
            os.kill(os.getpid(), self.signal)
        result = effect(*arguments, **named)
        if here and not self.before:
            os.kill(os.getpid(), self.signal)
        return result


class Mined:
    """A port whose effects are counted; what `stage` opens has an effect of its own."""

    def __init__(self, port: Any, effects: tuple[str, ...], mine: Mine) -> None:
        self._port, self._effects, self._mine = port, effects, mine

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if name not in self._effects:
            return found

        def counted(*arguments: Any, **named: Any) -> Any:
            result = self._mine.around("ports", name, found, *arguments, **named)
            return Mined(result, self._effects, self._mine) if name == "stage" else result

        return counted


class Field:
    """Where mines are laid: once, in a process that has not imported what uses the ports yet. `mine` may change."""

    def __init__(self) -> None:
        self.mine = Mine()

    def lay(self) -> None:
        """Wraps the factories of ports, S3's requests, and the system's calls."""
        import botocore.httpsession
        from requests.adapters import HTTPAdapter

        import reconciler.destinations.open as destinations
        import reconciler.stores.open as stores

        open_destination, open_store = destinations.open_destination, stores.open_store
        destinations.open_destination = lambda *a, **n: Mined(  # type: ignore[assignment]
            open_destination(*a, **n), DESTINATION_EFFECTS, self.mine
        )
        stores.open_store = lambda *a, **n: Mined(open_store(*a, **n), STORE_EFFECTS, self.mine)  # type: ignore[assignment]
        self._lay_requests(botocore.httpsession.URLLib3Session)
        HTTPAdapter.send = self._http_request(HTTPAdapter.send)  # type: ignore[method-assign]
        sqlite3.connect = self._database(sqlite3.connect)
        for name in SFTP_REQUESTS:
            setattr(Wire, name, self._sftp_request(name, getattr(Wire, name)))
        for name in SYSTEM_CALLS:
            setattr(os, name, self._system_call(name, getattr(os, name)))

    def _lay_requests(self, session: Any) -> None:
        send = session.send

        def sent(this: Any, request: Any) -> Any:
            if request.method in _READS:
                return send(this, request)
            query = request.url.partition("?")[2].partition("=")[0]
            return self.mine.around("wires", f"{request.method} {query}".strip(), send, this, request)

        session.send = sent

    def _http_request(self, send: Any) -> Any:
        """Of the clients of Azure and of Google."""

        def sent(this: Any, request: Any, *arguments: Any, **named: Any) -> Any:
            if request.method in _READS:
                return send(this, request, *arguments, **named)
            query = parse_qs(urlsplit(request.url).query)
            kind = next((query[each][0] for each in ("comp", "action", "uploadType") if each in query), "")
            if "/moveTo/" in request.url or "x-ms-rename-source" in request.headers:
                kind = "move"
            name = f"http {request.method} {kind}".strip()
            return self.mine.around("wires", name, send, this, request, *arguments, **named)

        return sent

    def _database(self, connect: Any) -> Any:
        field = self

        class Counted(sqlite3.Connection):
            def execute(self, query: str, *arguments: Any) -> Any:
                word = query.split(maxsplit=1)[0].lower()
                if word in ("pragma", "select"):
                    return super().execute(query, *arguments)
                return field.mine.around("wires", f"sql {word}", super().execute, query, *arguments)

        return lambda *arguments, **named: connect(*arguments, **{"factory": Counted, **named})

    def _sftp_request(self, name: str, send: Any) -> Any:
        def sent(*arguments: Any) -> Any:
            if name == "open" and not arguments[2] & CREATE:
                return send(*arguments)
            return self.mine.around("wires", f"sftp {name}", send, *arguments)

        return sent

    def _system_call(self, name: str, call: Any) -> Any:
        def called(*arguments: Any, **named: Any) -> Any:
            if name == "open" and not arguments[1] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                return call(*arguments, **named)
            return self.mine.around("wires", name, call, *arguments, **named)

        return called
