"""`reconcile account`: logging in to what wants a person."""

from __future__ import annotations

import click

from reconciler.cli.here import Here
from reconciler.cli.options import ENVIRONMENT


@click.group("account")
def command() -> None:
    """Log in to an account."""


@command.command("login")
@click.argument("name")
@click.option("--no-browser", is_flag=True, help="Open none: print the URL alone.")
@click.option("--wait", type=click.IntRange(1, 3600), default=300, show_default=True, help="For so many seconds.")
@ENVIRONMENT
@click.pass_obj
def login(here: Here, name: str, no_browser: bool, wait: int, environment: str | None) -> None:
    """Log in to the oauth2 account NAME with a browser on this machine.

    What is kept is a refresh token, in the file that the account's refreshToken names, for its owner alone. It is never printed.
    """
    import webbrowser

    def show(url: str) -> None:
        here.console.out(f"Open this in a browser on this machine:\n{url}")
        if not no_browser:
            webbrowser.open(url)

    written = here.project(environment).log_in(name, show, wait)
    here.console.out(f"Logged in. The refresh token is in {written} (0600): keep that file out of git.")
