"""Sentences about files of another user."""

import os
import subprocess
import sys

import pytest

from rag.store.edge.shard import Shard

_ANOTHER_USER = 65534
# The imports come first, because the other user may not read this checkout.
_PREAMBLE = f"""
import os
from pathlib import Path
from rag.denials import describe_denial
from rag.errors import Unavailable
from rag.store.edge.shard import Shard
os.setuid({_ANOTHER_USER})
"""

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")]


@pytest.fixture
def folder(tmp_path):
    """Return a folder of root that another user can reach."""
    for parent in (tmp_path, *tmp_path.parents[:-2]):
        parent.chmod(0o755)
    return tmp_path


def printed_by_another_user(code: str) -> str:
    command = [sys.executable, "-c", _PREAMBLE + code]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


@pytest.mark.parametrize(
    ("mode", "folder_mode", "denied", "right"),
    [
        (0o600, 0o755, "models/bin", "read"),
        (0o444, 0o755, "models/bin", "written"),
        (0o644, 0o700, "models", "entered"),
    ],
)
def test_a_denied_access_names_the_file_the_right_and_the_owner(folder, mode, folder_mode, denied, right):
    file = folder / "models" / "bin"
    file.parent.mkdir()
    file.touch()
    file.chmod(mode)
    file.parent.chmod(folder_mode)
    said = printed_by_another_user(f"print(describe_denial(Path({str(file)!r})))")
    assert said.startswith(f"{folder / denied} cannot be {right} by user {_ANOTHER_USER}: Permission denied. ")
    assert "belongs to user 0" in said


def test_a_store_of_another_user_names_the_file_that_is_denied(folder):
    shard = folder / "shard"
    Shard.create(shard, 4).close()
    for path in (shard, *shard.rglob("*")):
        path.chmod(0o777)
    file = next(path for path in shard.rglob("*") if path.suffix == ".json")
    file.chmod(0o600)
    said = printed_by_another_user(
        f"try: Shard.load(Path({str(shard)!r}))\nexcept Unavailable as error: print(error.describe())"
    )
    assert f"{file} cannot be read by user {_ANOTHER_USER}" in said
