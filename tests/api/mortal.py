"""Calls that die at an effect, in this process: nothing that they would do on the way out changes anything any more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import reconciler.destinations.open as destinations
import reconciler.stores.open as stores
from reconciler.destinations.base import DESTINATION_EFFECTS
from reconciler.ledger.store import STORE_EFFECTS
from tests.faults.mine import Mine, Mined


class Dies(BaseException):
    """The process ends here."""


class Mortal(Mine):
    """Dies in this process at its effect, and stays dead: no `finally` on the way out changes anything any more."""

    dead = False

    def around(self, level: object, name: str, effect: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        if self.dead:
            raise Dies
        self.names.append(name)
        here = len(self.names) == self.at
        result = None if here and self.before else effect(*arguments, **named)
        if here:
            self.dead = True
            raise Dies
        return result


@contextmanager
def dying(at: int, before: bool) -> Iterator[Mortal]:
    """Ports made in this block die at an effect (from 1; 0: never) or, if there are fewer, not at all."""
    mortal = Mortal(at=at, before=before)
    open_destination, open_store = destinations.open_destination, stores.open_store
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            destinations,
            "open_destination",
            lambda *a, **n: Mined(open_destination(*a, **n), DESTINATION_EFFECTS, mortal),
        )
        patch.setattr(stores, "open_store", lambda *a, **n: Mined(open_store(*a, **n), STORE_EFFECTS, mortal))
        yield mortal
