"""The workflow of `examples/s3`: by the forge's own schema, by the eyes of a reviewer, and run for real.

The commands of each job run here as the forge would run them, over moto for AWS.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.samples.files import write_parquet
from reconciler.samples.generator import prospects
from reconciler.version import __version__
from tests.servers.s3 import S3Server

EXAMPLE = Path(__file__).parents[2] / "examples" / "s3"
WORKFLOW = EXAMPLE / ".github" / "workflows" / "exports.yaml"
TEXT = WORKFLOW.read_text("utf-8")
PARSED: dict[str, Any] = yaml.load(TEXT, yaml.BaseLoader)
JOBS: dict[str, dict[str, Any]] = PARSED["jobs"]
PINNED = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40}")


def steps(job: str) -> Iterator[Mapping[str, Any]]:
    yield from JOBS[job]["steps"]


def test_it_is_valid_by_the_published_schema() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(WORKFLOW)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_strangers_get_nothing() -> None:
    assert set(PARSED["on"]) == {"pull_request", "push", "schedule"}  # never pull_request_target or workflow_run
    assert PARSED["on"]["push"] == {"branches": ["main"]}
    review = JOBS["review"]
    assert review["if"] == "github.event_name == 'pull_request'"
    assert review["permissions"] == {"contents": "read"}
    assert "environment" not in review
    for hidden in ("secrets.", "vars.", "id-token", "github.token"):
        assert hidden not in str(review)


def test_others_get_the_least_that_they_need() -> None:
    assert PARSED["permissions"] == {}
    for name, event in (("apply", "push"), ("run", "schedule")):
        job = JOBS[name]
        assert job["if"] == f"github.event_name == '{event}'"
        assert job["permissions"] == {"contents": "read", "id-token": "write"}
        assert job["environment"] == "production"
        for step in steps(name):
            # Secrets reach the step that needs them, never an action or the installation.
            assert ("secrets." in str(step)) == step.get("run", "").startswith(("reconcile apply", "reconcile run"))


@pytest.mark.parametrize("job", JOBS)
def test_nothing_that_others_write_becomes_code(job: str) -> None:
    for step in steps(job):
        assert "${{" not in step.get("run", ""), "expressions go through env"
        if "uses" in step:
            assert PINNED.fullmatch(step["uses"]), "actions are pinned by commit"
            assert re.search(rf"{re.escape(step['uses'])} # v\d+\.\d+\.\d+$", TEXT, re.MULTILINE)
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] == "false"


def test_runs_never_push_an_apply_out_of_the_queue() -> None:
    """A group has one waiting place, which a newer job takes. So an apply waits for applies only."""
    groups = {name: job["concurrency"]["group"] for name, job in JOBS.items()}
    assert len(set(groups.values())) == 3
    assert {name: job["concurrency"]["cancel-in-progress"] for name, job in JOBS.items()} == {
        "review": "true",
        "apply": "false",
        "run": "false",
    }


def test_it_installs_this_version() -> None:
    assert PARSED["env"]["RECONCILER_VERSION"] == __version__
    for job in JOBS:
        (install,) = [step["run"] for step in steps(job) if "pip install" in step.get("run", "")]
        assert install.endswith('==$RECONCILER_VERSION"')


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The example as a repository of two commits: a condition is narrowed in the second."""
    folder = tmp_path / "repository"
    shutil.copytree(EXAMPLE, folder)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first")
    config = folder / "reconcile.yaml"
    config.write_text(config.read_text().replace("intent_score >= 0.7", "intent_score >= 0.8"))
    git(folder, "commit", "-qam", "second")
    return folder


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def perform(job: str, folder: Path, env: Mapping[str, str]) -> str:
    """Runs a job's commands, but for the installation; returns the job's summary."""
    summary = folder.parent / f"{job}.md"
    tools = folder.parent / "bin"
    tools.mkdir(exist_ok=True)
    script = tools / "reconcile"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m reconciler "$@"\n')
    script.chmod(0o755)
    given = {
        "PATH": f"{tools}:/usr/bin:/bin",
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "HOME": str(folder.parent),
        "CI": "true",
        "GITHUB_STEP_SUMMARY": str(summary),
    }
    for step in steps(job):
        command = step.get("run", "")
        if command and "pip install" not in command:
            done = subprocess.run(
                ["bash", "-e", "-c", command],
                cwd=folder,
                env={**given, **env},
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
            )
            assert done.returncode == 0, done.stdout + done.stderr
    return summary.read_text("utf-8") if summary.exists() else ""


def test_a_review_shows_what_changes(checkout: Path) -> None:
    said = html.unescape(perform("review", checkout, {"BASE": "HEAD~1"}))
    assert "agency-s3/us-high-intent" in said
    assert "intent_score >= 0.8" in said


def test_what_is_merged_is_applied_and_exported(checkout: Path, moto_server: S3Server, tmp_path: Path) -> None:
    client = moto_server.client()
    for bucket in ("acme-reconcile", "lake", "agency-prospects"):
        client.create_bucket(Bucket=bucket)
    write_parquet(prospects(3000), tmp_path / "a.parquet")
    client.upload_file(str(tmp_path / "a.parquet"), "lake", "prospects/a.parquet")
    config = checkout / "reconcile.yaml"
    # Slots and files of today are due and settled at once, and a sample has few rows.
    config.write_text(
        re.sub(r", startDate: [0-9-]+", "", config.read_text())
        .replace("settle: 5m", "settle: 0s")
        .replace(
            "minRows: 1000}",
            "minRows: 10}",
        )
        .replace("audience: {minRows: 1000,", "audience: {minRows: 10,")
    )
    git(checkout, "commit", "-qam", "sample")
    env = {**moto_server.env(), "AGENCY_EXTERNAL_ID": "ours", "RECONCILER_ACTOR": "someone"}
    assert "FIRST EXPORT" in perform("apply", checkout, env)
    perform("run", checkout, env)
    ledger = client.get_object(Bucket="acme-reconcile", Key="growth/destinations/agency-s3.json")
    assert json.loads(ledger["Body"].read())["applied"]["by"] == "someone"
    assert (
        client.head_object(Bucket="agency-prospects", Key="exports/prospects/.reconciler-owner.json")[
            "ServerSideEncryption"
        ]
        == "aws:kms"
    )
