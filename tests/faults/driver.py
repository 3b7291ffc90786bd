"""Runs commands in forked children, each of which may kill or stop itself at a numbered effect.

`python -m tests.faults.driver` loads everything once and then obeys lines of JSON on stdin: forking costs a few
milliseconds where a fresh interpreter costs a second. It exports nothing itself, so that no thread of an engine exists
when it forks; what a command imports it learns from a first child.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.faults.mine import Field, Level, Mine
from tests.faults.place import APPLIED, SLOTS, Place, environment, furnished
from tests.faults.points import tried


@dataclass(frozen=True)
class Order:
    """`reconcile -C root arguments…`. At effect `at` (from 1; 0: never) of `level` the child sends itself `signal`;
    `only`: counting effects of this name alone.

    `report`: where its outcome goes. `go`: the child waits until this file is there. `lease`: whether its leases last;
    otherwise they are over at once, so that nobody need wait for a dead one's.
    """

    root: str
    arguments: tuple[str, ...]
    report: str
    at: int = 0
    before: bool = True
    signal: int = int(signal.SIGKILL)
    level: Level = "ports"
    only: str = ""
    go: str = ""
    lease: bool = False


def obey(order: Order, field: Field) -> dict[str, Any]:
    """Runs the command; what happened, as JSON."""
    from reconciler.cli.main import run
    from tests.faults import clients

    if not order.lease:
        _leases_are_over()
    while order.go and not Path(order.go).exists():
        time.sleep(0.001)
    field.mine = mine = Mine(order.level, order.at, order.before, order.signal, order.only)
    code = run(["-C", order.root, *order.arguments])
    field.mine = Mine()
    return {"code": code, "effects": mine.names, "modules": sorted(sys.modules), "clients": clients.made}


def _leases_are_over() -> None:
    from reconciler.apply.context import Context

    lasting = Context.new_lease

    def over(context: Context) -> Any:
        lease = lasting(context)
        return lease.model_copy(update={"until": lease.until - timedelta(days=1)})

    Context.new_lease = over  # type: ignore[method-assign]


def child(order: Order, field: Field) -> None:
    """Never returns."""
    status = 1
    output = os.open(f"{order.report}.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    try:
        report = obey(order, field)
        status = 0
    except BaseException:
        report = {"error": traceback.format_exc()}
    sys.stdout.flush()
    field.mine = Mine()
    Path(order.report).write_text(json.dumps(report))
    os._exit(status)


def serve() -> None:
    """Lines: `{"start": order}` answers the child's pid; `{"wait": pid}` answers how it is: exit, signal or stopped.
    `{"wake": pid}` lets a stopped one go on. `{"learn": report}` imports what a child needed, and makes its clients.
    `{"environment": …}` is what all that follows refers to.
    """
    field = Field()
    field.lay()
    from tests.faults.clients import make_client, share_clients

    share_clients()
    for line in sys.stdin:
        command = json.loads(line)
        if "wait" in command:
            _, status = os.waitpid(command["wait"], os.WUNTRACED)
            stopped = os.WIFSTOPPED(status)
            answer = {"stopped": True} if stopped else {"code": os.waitstatus_to_exitcode(status)}
        elif "wake" in command:
            os.kill(command["wake"], signal.SIGCONT)
            answer = {}
        elif "environment" in command:
            os.environ.update(command["environment"])
            answer = {}
        elif "learn" in command:
            for name in command["learn"]["modules"]:
                with suppress(Exception):
                    importlib.import_module(name)
            for each in command["learn"]["clients"]:
                make_client(*each)
            answer = {}
        else:
            order = Order(**command["start"])
            pid = os.fork()
            if pid == 0:
                child(order, field)
            answer = {"pid": pid}
        print(json.dumps(answer), flush=True)


class Driver:
    """The driver as its tests see it. It takes seconds to load what it forks, so that one serves all kinds of places."""

    def __init__(self) -> None:
        self._learnt: set[str] = set()
        command = [sys.executable, "-m", "tests.faults.driver"]
        root = Path(__file__).parents[2]
        self._process = subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def serve(self, build: Callable[[], Place]) -> None:
        """From now on places as this makes them; learns at one, if it is the first of its kind."""
        place = build()
        self._ask({"environment": environment(place)})
        if place.kind not in self._learnt:
            self._learnt.add(place.kind)
            self._learn(furnished(place))

    def close(self) -> None:
        """Ends it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(300)

    def start(self, order: Order) -> int:
        """The child's process id."""
        return int(self._ask({"start": asdict(order)})["pid"])

    def wait(self, pid: int) -> dict[str, Any]:
        """`{"stopped": true}`, or `{"code": n}`: its exit code, negative for the signal that ended it."""
        return self._ask({"wait": pid})

    def wake(self, pid: int) -> None:
        """Lets a stopped child go on."""
        self._ask({"wake": pid})

    def run(self, order: Order) -> dict[str, Any]:
        """Starts a child that isn't meant to die, and returns its report."""
        state = self.wait(self.start(order))
        found = report(order)
        assert state == {"code": 0}, found
        return found

    def _learn(self, place: Place) -> None:
        for arguments in (("apply", "--yes", "--at", APPLIED), ("run", "--at", SLOTS[0])):
            found = self.run(Order(place.root, arguments, f"{place.root}/learnt.json"))
            assert found["code"] == 0, found
            self._ask({"learn": {"modules": found["modules"], "clients": found["clients"]}})

    def _ask(self, command: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


def kill(
    driver: Driver,
    place: Place,
    command: tuple[str, ...],
    at: int,
    before: bool,
    *,
    only: str = "",
    level: Level = "ports",
) -> bool:
    """Runs a command that kills itself at an effect. False: it ended by itself, without having come so far."""
    tried["killed"] += 1
    order = Order(place.root, command, f"{place.root}/killed.json", at, before, level=level, only=only)
    state = driver.wait(driver.start(order))
    if state == {"code": 0}:
        return False
    assert state == {"code": -signal.SIGKILL}, (state, order)
    return True


def report(order: Order) -> dict[str, Any]:
    """What a child that ended by itself reported: `code` and `effects`, or `error`; and its output as `text`."""
    found: dict[str, Any] = json.loads(Path(order.report).read_text())
    found["text"] = Path(f"{order.report}.txt").read_text()
    return found


if __name__ == "__main__":
    serve()
