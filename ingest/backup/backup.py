"""Backs up the data of an installation.

The folder of a backup has the layout of a data directory, with a manifest:

store/            the published collection, or an archive of the points of a Qdrant server or cluster
state/            conversations and feedback; shared state in Redis has Redis's own backups
inbox/            queued entries and dead letters of a folder inbox; a Redis inbox has Redis's own backups
keys.json, drift/ API keys, and the drift reference
manifest.json     written last

Exported models and the collection of the previous embedder are not included, because they can be made again.
"""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from ingest.backup.manifest import Manifest, digest_files, names_in, write_manifest
from ingest.backup.profile import CollectionProfile, ask_collection, has_same_answer
from ingest.settings import Settings
from rag import __version__
from rag.errors import InvalidInput, Unavailable
from rag.inbox.folder.backup import copy_entries
from rag.settings import FolderInboxSettings, SqliteStateSettings
from rag.state.sqlite import back_up_state
from rag.store.factory import build_backend
from rag.store.schema import SCHEMA
from rag.types import EmbedderIdentity

DATA_FILES = ("keys.json", "drift/reference.npz")
"""Files of the data directory that a backup includes if they exist."""
STATE_FILE = "state/state.sqlite"
"""The shared state in a backup, if it is not in Redis."""


async def back_up(settings: Settings, target: Path, report: Callable[[str], None]) -> Manifest:
    """Copy the published collection and the data files to a new folder, while service and workers run.

    The folder gets its name only when it is complete. Raises `InvalidInput` if it exists and is not empty, `NotFound`
    if there is no collection, and `Unavailable` if it cannot be written.
    """
    with _draft_of(target) as draft:
        # Copied before the collection: a document that moves meanwhile is then in both copies and not in neither.
        if isinstance(settings.inbox, FolderInboxSettings):
            copy_entries(settings.inbox_dir, draft / "inbox")
        if isinstance(settings.state, SqliteStateSettings) and settings.state_file.is_file():
            back_up_state(settings.state_file, draft / STATE_FILE)
        for name in DATA_FILES:
            if (settings.data_dir / name).is_file():
                (draft / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(settings.data_dir / name, draft / name)
        report("copying the published collection …")
        embedder, profile = await _copy_collection(settings, draft / "store")
        report("hashing the files …")
        manifest = Manifest(
            made=datetime.now(UTC).isoformat(timespec="seconds"),
            program=__version__,
            schema=SCHEMA,
            store=settings.store.kind,
            inbox=settings.inbox.kind,
            embedder=embedder,
            contents=profile,
            files=digest_files(draft, names_in(draft), report),
        )
        write_manifest(draft, manifest)
    return manifest


@contextmanager
def _draft_of(target: Path) -> Iterator[Path]:
    """Yield a hidden folder beside the target, and rename it to the target at the end if nothing failed."""
    draft = target.absolute().with_name(f".{target.name}.draft")
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise InvalidInput(f"{target} already exists. Name a folder that does not exist or is empty.")
        shutil.rmtree(draft, ignore_errors=True)  # A backup that was killed leaves its draft.
        # Only the owner may read it: it holds every document and the hashes of API keys.
        draft.mkdir(mode=0o700, parents=True)
        yield draft
        draft.replace(target)
    except OSError as error:
        raise Unavailable(f"The backup cannot be written: {error}. {advice_for(error)}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


async def _copy_collection(settings: Settings, target: Path) -> tuple[EmbedderIdentity, CollectionProfile]:
    """Copy the collection and profile the copy.

    The archive of a server cannot be searched, so the server is asked before and after the copy. Questions whose answer
    changed meanwhile are left out.
    """
    async with build_backend(settings.store, root=settings.store_dir).open_backup(target) as backup:
        before = [] if backup.reads_the_copy else await ask_collection(backup.reader)
        copy = await backup.copy()
        answers = await ask_collection(backup.reader)
        if not backup.reads_the_copy:
            known = {(it.tenant, it.document_id): it for it in before}
            answers = [
                it
                for it in answers
                if (earlier := known.get((it.tenant, it.document_id))) and has_same_answer(it, earlier)
            ]
    return copy.embedder, CollectionProfile(documents=copy.documents, chunks=copy.chunks, asked=tuple(answers))


def advice_for(error: OSError) -> str:
    """Return what an operator can do about a disk error of a backup or a restore."""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return "Free disk space there, or name a folder on another disk."
        case errno.EACCES | errno.EPERM | errno.EROFS:
            user = os.getuid()
            return f"Name a folder that user {user} may write. In a container, mount a volume that belongs to {user}."
        case _:
            return "Name a folder on another disk."
