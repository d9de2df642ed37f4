"""The inbox contract on the folder form."""

import pytest

from rag.inbox.folder import FolderInbox
from tests.contracts.inbox import InboxContract


class TestFolderInbox(InboxContract):
    @pytest.fixture
    def values(self):
        return {"kind": "folder"}

    @pytest.fixture
    def damage(self, tmp_path):
        def spoil() -> None:
            [path] = (tmp_path / "queued").iterdir()
            path.write_bytes(b'{"tenant": "ou')

        return spoil

    @pytest.fixture
    def small(self, tmp_path):
        return FolderInbox(tmp_path, max_entries=1)
