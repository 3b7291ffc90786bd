"""Opening destinations: relative paths, late imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.accounts.sessions import Sessions
from reconciler.destinations.open import open_destination
from reconciler.errors import DestinationError
from reconciler.resources.effective import EffectiveDestination


def local(path: str) -> EffectiveDestination:
    return EffectiveDestination.model_validate({"name": "box", "spec": {"type": "local", "connection": {"path": path}}})


def test_relative_paths_are_below_the_project(tmp_path: Path) -> None:
    assert open_destination(local("out/x"), root=tmp_path, accounts=Sessions(tmp_path)).location("a") == str(
        tmp_path / "out/x/a"
    )


def test_absolute_paths_are_taken_as_they_are(tmp_path: Path) -> None:
    assert open_destination(local("/srv/out"), root=tmp_path, accounts=Sessions(tmp_path)).location() == "/srv/out"


def test_relative_paths_dont_leave_the_project(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "link").symlink_to(tmp_path)
    for path in ("..", "../other", "link", "link/deep", "a/../../b"):
        with pytest.raises(DestinationError) as caught:
            open_destination(local(path), root=project, accounts=Sessions(project))
        assert caught.value.code == "D109"


def test_local_loads_no_cloud_client(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from tests.destinations.test_open_destination import local
from reconciler.accounts.sessions import Sessions
from reconciler.destinations.open import open_destination
open_destination(local("x"), root=Path({str(tmp_path)!r}), accounts=Sessions(Path("/"))).probe()
assert not {{"boto3", "botocore", "polars", "pyarrow"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_without_the_client_library_the_extra_is_named(tmp_path: Path) -> None:
    code = """
import sys
sys.modules["botocore"] = None
sys.modules["botocore.exceptions"] = None
from pathlib import Path
from reconciler.destinations.open import open_destination
from reconciler.accounts.sessions import Sessions
from reconciler.errors import MissingExtra
from reconciler.resources.effective import EffectiveDestination
spec = {"type": "s3", "account": "a", "connection": {"bucket": "some-bucket"}}
try:
    destination = EffectiveDestination.model_validate({"name": "b", "spec": spec, "account": {"type": "aws"}})
    open_destination(destination, root=Path("/"), accounts=Sessions(Path("/")))
except MissingExtra as error:
    assert "reconciler[s3]" in error.detail, error.detail
else:
    raise SystemExit("no error")
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
