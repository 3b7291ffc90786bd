"""Calls that end in time: a server that answers a byte a minute keeps nobody waiting."""

from __future__ import annotations

import threading
from collections.abc import Callable

from reconciler.alerts.base import failure


def bounded(call: Callable[[], None], seconds: float) -> None:
    """Does it, in a thread of its own that is left behind where it takes longer. Raises what it raises, or `AlertError` N101."""
    raised: list[BaseException] = []

    def work() -> None:
        try:
            call()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=work, name="alert", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise failure("N101", f"There was no answer within {seconds:g} seconds.")
    if raised:
        raise raised[0]
