"""The inside of a child process: makes data, does a peer's work, or reads what was written. Answers one line of JSON."""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
import traceback
from pathlib import Path
from typing import Any


def main() -> None:
    """One order, as `bench.measuring` writes them."""
    order = json.loads(sys.argv[1])
    module = importlib.import_module(f"bench.{order['module']}")
    options = order.get("options", {})
    match order["step"]:
        case "generate":
            module.generate(Path(order["source"]), options)
            answer: Any = {}
        case "work":
            answer = _work(module, order["peer"], Path(order["source"]), Path(order["out"]), options)
        case "rows":
            source = Path(order["source"])
            answer = {peer: module.rows(peer, source, where, options) for peer, where in order["outputs"].items()}
        case "limits":
            answer = module.limits(Path(order["source"]))
        case other:
            raise SystemExit(f"unknown step {other}")
    print(json.dumps(answer))


def _work(module: Any, peer: str, source: Path, out: Path, options: dict[str, Any]) -> dict[str, Any]:
    load, prepare, work = module.PEERS[peer]
    try:
        load()  # imports aren't measured
    except ModuleNotFoundError as error:
        return {"absent": f"not here: {error.name} isn't installed"}
    cannot = getattr(module, "cannot", None)
    if cannot and (reason := cannot(peer, options)):
        return {"absent": reason}
    if prepare is not None:
        if os.fork() == 0:  # so that what preparing takes is no part of the peak
            status = 1
            try:
                prepare(source, out, options)
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(status)
        if os.wait()[1] != 0:
            raise SystemExit(f"{peer} could not be prepared")
    started = time.perf_counter()
    where = work(source, out, options)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return {"seconds": seconds, "megabytes": peak, "where": where}


if __name__ == "__main__":
    main()
