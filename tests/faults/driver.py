"""Runs one export per forked child, and lets a child kill or stop itself at a numbered effect.

`python -m tests.faults.driver` loads everything once and then obeys lines of JSON on stdin: forking costs a few
milliseconds where a fresh interpreter costs a second. It never exports itself, so no engine thread exists when it forks.
Credentials come from the environment. The effects are the ports' own lists, numbered as they happen.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.faults.place import FLOW, SLOT, FaultHouse, Place
from tests.servers.s3 import S3Server


@dataclass(frozen=True)
class Order:
    """One export at `place`. At effect `at` (from 1; 0: never) the child sends itself `signal`, before or after it.

    `go`: the child waits until this file is there. `tick`: its clock, for leases. `report`: where its outcome goes.
    """

    place: Place
    report: str
    at: int = 0
    before: bool = True
    signal: int = signal.SIGKILL
    tick: str = SLOT.isoformat()
    go: str = ""

    def line(self) -> str:
        """As JSON on one line, without secrets."""
        data = asdict(self)
        if self.place.server is not None:
            data["place"]["server"] = {"endpoint": self.place.server.endpoint, "region": self.place.server.region}
        return json.dumps(data)


def read_order(data: dict[str, Any]) -> Order:
    """The order of a line; the server's keys come from the environment."""
    place = data.pop("place")
    if place["server"] is not None:
        keys = {"access_key": os.environ["AWS_ACCESS_KEY_ID"], "secret_key": os.environ["AWS_SECRET_ACCESS_KEY"]}
        place["server"] = S3Server(**place["server"], **keys)
    return Order(place=Place(**place), **data)


class Mine:
    """Numbers effects as they happen; at one of them the process is signalled."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.names: list[str] = []

    def around(self, name: str, effect: Any) -> Any:
        """The effect, counted."""

        def wrapped(*arguments: Any) -> Any:
            self.names.append(name)
            here = len(self.names) == self.order.at
            if here and self.order.before:
                os.kill(os.getpid(), self.order.signal)
            result = effect(*arguments)
            if here and not self.order.before:
                os.kill(os.getpid(), self.order.signal)
            return result

        return wrapped


class Mined:
    """A port whose effects are counted; what `stage` opens has one effect of its own."""

    def __init__(self, port: Any, effects: tuple[str, ...], mine: Mine) -> None:
        self._port, self._effects, self._mine = port, effects, mine

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if name not in self._effects:
            return found
        counted = self._mine.around(name, found)
        if name == "stage":
            return lambda *arguments: Mined(counted(*arguments), ("finish",), self._mine)
        return counted


def export(order: Order) -> dict[str, Any]:
    """Runs the flow once; what happened, as JSON."""
    from reconciler.apply.runs import Wanted, run_flow
    from reconciler.destinations.base import DESTINATION_EFFECTS
    from reconciler.ledger.store import STORE_EFFECTS
    from reconciler.stores.ledger import Ledger

    mine = Mine(order)
    house = FaultHouse(order.place, datetime.fromisoformat(order.tick))
    plain = house.context()
    context = replace(
        plain,
        ledger=Ledger(Mined(house.store, STORE_EFFECTS, mine), house.ledger.nonce, time.sleep),  # type: ignore[arg-type]
        open_destination=lambda to: Mined(plain.open_destination(to), DESTINATION_EFFECTS, mine),  # type: ignore[arg-type,return-value]
    )
    while order.go and not Path(order.go).exists():
        time.sleep(0.001)
    record = run_flow(context, FLOW, Wanted(SLOT), SLOT)
    return {"effects": mine.names, "exported": record is not None, "run": record.run_id if record else None}


def child(order: Order) -> None:
    """Never returns."""
    status = 1
    try:
        report = export(order)
        status = 0
    except BaseException:
        report = {"error": traceback.format_exc()}
    Path(order.report).write_text(json.dumps(report))
    os._exit(status)


def serve() -> None:
    """Lines: `{"start": order}` answers the child's pid; `{"wait": pid}` answers how it is: exit, signal or stopped.
    `{"wake": pid}` lets a stopped one go on.
    """
    import reconciler.apply.runs
    import reconciler.export.polars_engine
    import reconciler.stores.s3  # noqa: F401

    warmed: set[str] = set()
    for line in sys.stdin:
        command = json.loads(line)
        if "wait" in command:
            _, status = os.waitpid(command["wait"], os.WUNTRACED)
            stopped = os.WIFSTOPPED(status)
            answer = {"stopped": True} if stopped else {"code": os.waitstatus_to_exitcode(status)}
        elif "wake" in command:
            os.kill(command["wake"], signal.SIGCONT)
            answer = {}
        else:
            order = read_order(command["start"])
            if order.place.server is not None and order.place.server.endpoint not in warmed:
                warmed.add(order.place.server.endpoint)
                house = FaultHouse(order.place)  # makes the clients, which children then share without a connection
                house.context().open_destination(house.spec().destination)
            pid = os.fork()
            if pid == 0:
                child(order)
            answer = {"pid": pid}
        print(json.dumps(answer), flush=True)


class Driver:
    """The driver as its tests see it."""

    def __init__(self, server: S3Server | None = None) -> None:
        env = {**os.environ, **(server.env() if server else {})}
        command = [sys.executable, "-m", "tests.faults.driver"]
        root = Path(__file__).parents[2]
        self._process = subprocess.Popen(
            command, cwd=root, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Driver:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)

    def start(self, order: Order) -> int:
        """The child's process id."""
        return int(self._ask(f'{{"start": {order.line()}}}')["pid"])

    def wait(self, pid: int) -> dict[str, Any]:
        """`{"stopped": true}`, or `{"code": n}`: its exit code, negative for the signal that ended it."""
        return self._ask(json.dumps({"wait": pid}))

    def wake(self, pid: int) -> None:
        """Lets a stopped child go on."""
        self._ask(json.dumps({"wake": pid}))

    def run(self, order: Order) -> dict[str, Any]:
        """Starts a child that isn't meant to die, and returns its report."""
        state = self.wait(self.start(order))
        report: dict[str, Any] = json.loads(Path(order.report).read_text())
        assert state == {"code": 0}, report
        return report

    def _ask(self, line: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


if __name__ == "__main__":
    serve()
