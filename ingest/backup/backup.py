"""`python -m ingest backup` and `restore`: what an installation must not lose, in a folder, and back.

The folder is laid out as a data directory is, and has a manifest beside it:

store/            the published collection, or the snapshot of a Qdrant server
inbox/            what waits and what was given up; one in Redis has Redis's own backups
keys.json, drift/ API keys, and the reference that questions are compared with
manifest.json     written last

What can be made again is not in it: exported models, the collection from before a change of embedder.
"""

import errno
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path

from ingest.backup.contents import Contents, look_into, require_same
from ingest.backup.manifest import Manifest, Say, names_in, read_manifest, require_whole, seal, write_manifest
from ingest.pipeline.turns import in_turn
from ingest.settings import Settings
from rag import __version__
from rag.errors import InvalidInput, Unavailable
from rag.inbox.folder.backup import RestoredFile, copy_entries, entries_to_restore
from rag.settings import FolderInboxSettings
from rag.store.backend import require_replaceable
from rag.store.factory import build_backend
from rag.store.files import copy_file, sync_folder
from rag.store.schema import SCHEMA
from rag.types import EmbedderIdentity

_KEPT_FILES = ("keys.json", "drift/reference.npz")
_LOOKS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What came back, and how many of the manifest's questions were answered as before."""

    manifest: Manifest
    same: int


async def back_up(settings: Settings, target: Path, say: Say) -> Manifest:
    """Takes what is published, while workers go on; the folder is there when it is whole, and not before.

    Raises `InvalidInput` where the folder holds anything, `NotFound` where there is no collection yet.
    """
    with _draft_of(target) as draft:
        # Before the collection: what is taken in meanwhile is then in both, and never in neither.
        if isinstance(settings.inbox, FolderInboxSettings):
            copy_entries(settings.inbox_dir, draft / "inbox")
        _copy_files(settings.data_dir, draft)
        say("copying what is published …")
        embedder, contents = await _copy_collection(settings, draft / "store")
        say("hashing …")
        manifest = Manifest(
            made=datetime.now(UTC).isoformat(timespec="seconds"),
            program=__version__,
            schema=SCHEMA,
            store=settings.store.kind,
            inbox=settings.inbox.kind,
            embedder=embedder,
            contents=contents,
            files=seal(draft, names_in(draft), say),
        )
        write_manifest(draft, manifest)
    return manifest


async def restore(settings: Settings, source: Path, say: Say, *, replace: bool) -> Restored:
    """Brings a backup back beside what is there, compares it with its manifest, then switches to it in one step.

    Raises `InvalidInput` for what is no whole backup of this kind of store, and where `replace` would have to be said.
    """
    manifest = read_manifest(source)
    if manifest.store != settings.store.kind:
        raise InvalidInput(
            f"The backup is of a store of the kind {manifest.store}, and {settings.store.kind} is configured. Restore "
            "it as it was; `python -m ingest promote` then carries an embedded collection to a server."
        )
    # Also asked when the lock is held; here, so that nobody waits for a refusal.
    backend = build_backend(settings.store, root=settings.store_dir)
    require_replaceable(await backend.embedder(), replace=replace)
    say(f"checking {len(manifest.files):,} files, {manifest.mebibytes:,} MiB …")
    require_whole(source, manifest, say)
    say("copying back …")
    async with in_turn(partial(backend.open_restore, source / "store", replace=replace)) as restoring:
        say("asking it …")
        same = await require_same(restoring.reader, manifest.contents)
        wanted = _files_to_restore(source, settings.data_dir, replace=replace)
        if isinstance(settings.inbox, FolderInboxSettings):
            wanted = chain(wanted, entries_to_restore(source / "inbox", settings.inbox_dir))
        # Keys and uploads of then do not go with a collection of now: nothing is left to them after the switch that
        # takes long or could fail.
        with _drafts_of(wanted) as drafts:
            await restoring.switch()
            for draft, target in drafts.items():
                draft.replace(target)
            for folder in {target.parent for target in drafts.values()}:
                sync_folder(folder)
    return Restored(manifest=manifest, same=same)


async def _copy_collection(settings: Settings, target: Path) -> tuple[EmbedderIdentity, Contents]:
    async with build_backend(settings.store, root=settings.store_dir).open_backup(target) as copying:
        for _ in range(_LOOKS):
            before = None if copying.reads_the_copy else await look_into(copying.reader)
            embedder = await copying.copy()
            contents = await look_into(copying.reader)
            if before in {None, contents}:
                return embedder, contents
    raise Unavailable(
        f"Documents came in during each of {_LOOKS} snapshots, so it cannot be told what is in them. "
        "Stop the workers for a moment: what is put meanwhile waits in the inbox."
    )


@contextmanager
def _draft_of(target: Path) -> Iterator[Path]:
    """A folder beside the target that takes its name in the end; whatever happens before leaves the target alone."""
    draft = target.absolute().with_name(f".{target.name}.draft")
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise InvalidInput(f"{target} exists already. Name a folder that does not, or an empty one.")
        shutil.rmtree(draft, ignore_errors=True)  # What a killed one left.
        # It holds the hashes of keys, and every document.
        draft.mkdir(mode=0o700, parents=True)
        yield draft
        draft.replace(target)
    except OSError as error:
        raise Unavailable(f"The backup cannot be written: {error}. {_what_to_do(error)}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _what_to_do(error: OSError) -> str:
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return "Make room there, or name a folder on another disk."
        case errno.EACCES | errno.EPERM | errno.EROFS:
            user = os.getuid()
            return f"Name a folder that user {user} may write; in a container mount one that belongs to {user}."
        case _:
            return "Name a folder on another disk."


def _copy_files(source: Path, target: Path) -> None:
    for name in _KEPT_FILES:
        if (source / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, target / name)


def _files_to_restore(source: Path, target: Path, *, replace: bool) -> Iterator[RestoredFile]:
    """One that is there stays, unless it was said that it should be replaced."""
    for name in _KEPT_FILES:
        if (source / name).is_file() and (replace or not (target / name).exists()):
            yield source / name, (target / name).with_suffix(".draft"), target / name


@contextmanager
def _drafts_of(wanted: Iterable[RestoredFile]) -> Iterator[dict[Path, Path]]:
    """Drafts that need a rename only, and their targets; what was not renamed in the end is gone."""
    drafts: dict[Path, Path] = {}
    try:
        try:
            for original, draft, target in wanted:
                drafts[draft] = target
                copy_file(original, draft)
        except OSError as error:
            raise Unavailable(f"{error}. Nothing was switched. {_what_to_do(error)}") from error
        yield drafts
    finally:
        for draft in drafts:
            draft.unlink(missing_ok=True)
