"""Garbage isn't looked for while much is read, and is again afterwards."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from reconciler.collecting import paused


def test_it_is_off_inside_and_on_again_after_an_error() -> None:
    assert gc.isenabled()
    with pytest.raises(ValueError), paused():
        assert not gc.isenabled()
        with paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
        raise ValueError
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_what_was_off_stays_off() -> None:
    gc.disable()
    try:
        with paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_so_many_reads_are_kept_and_no_more() -> None:
    code = """
import gc
from reconciler.collecting import kept_to_the_end, paused
class Cycle: pass
def read():
    with paused():
        made = Cycle()
        made.self = made
        return made
kept_to_the_end(1)
kept = read()
first = gc.get_freeze_count()
assert first > 0
other = read()
assert gc.get_freeze_count() <= first
del kept, other
gc.collect()
left = sum(isinstance(each, Cycle) for each in gc.get_objects())
assert left == 0, left  # the other is gone, and the kept one isn't looked at
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
