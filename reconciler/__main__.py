"""`python -m reconciler` is `reconcile`, and this is where both begin."""

from __future__ import annotations

import sys

from reconciler.version import __version__


def main() -> None:
    """Ends the process with the command's exit code. The version is said without loading anything: images and scripts ask for it often."""
    if sys.argv[1:] == ["--version"]:
        print(f"reconcile {__version__}")
        return
    from reconciler.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
