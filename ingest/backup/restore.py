"""Restores a backup into an installation."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

from ingest.backup.backup import DATA_FILES, STATE_FILE, advice_for
from ingest.backup.manifest import Manifest, read_manifest, require_complete
from ingest.backup.profile import require_same_profile
from ingest.pipeline.writer_lock import wait_for_writer_lock
from ingest.settings import Settings
from rag.durable import copy_file, sync_folder
from rag.errors import InvalidInput, Unavailable
from rag.inbox.folder.backup import RestoredFile, entries_to_restore
from rag.settings import FolderInboxSettings, SqliteStateSettings
from rag.state.sqlite import restore_state
from rag.store.backend import require_replaceable
from rag.store.factory import build_backend


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreResult:
    """The restored backup, and how many of its questions have the same answer as before."""

    manifest: Manifest
    same_answers: int


async def restore(
    settings: Settings,
    source: Path,
    report: Callable[[str], None],
    *,
    replace: bool,
    check_only: bool = False,
) -> RestoreResult:
    """Copy a backup beside the current data, compare it with its manifest, and switch to it in one step.

    With `check_only` nothing is switched, and the copy is removed.

    Raises `InvalidInput` if the backup is damaged or of another kind of store, or if a collection exists and
    `replace` is false.
    """
    manifest = read_manifest(source)
    replace = replace or check_only  # A check replaces nothing.
    if manifest.store != settings.store.kind:
        raise InvalidInput(
            f"The backup is of a store of kind {manifest.store}, but RAG_STORE__KIND is {settings.store.kind}. "
            f"Restore it with RAG_STORE__KIND={manifest.store}. `python -m ingest promote` can then copy an embedded "
            "collection to a server."
        )
    # Checked again under the lock. The check here saves the operator the wait for the lock and the hashes.
    backend = build_backend(settings.store, root=settings.store_dir)
    require_replaceable(await backend.embedder(), replace=replace)
    report(f"checking {len(manifest.files):,} files, {manifest.mebibytes:,} MiB …")
    require_complete(source, manifest, report)
    report("copying the collection …")
    open_store = partial(backend.open_restore, source / "store", replace=replace)
    async with wait_for_writer_lock(open_store) as restoring:
        report("comparing answers with the manifest …")
        same_answers = await require_same_profile(restoring.reader, manifest.contents)
        if check_only:
            return RestoreResult(manifest=manifest, same_answers=same_answers)
        files = _files_to_restore(source, settings.data_dir, replace=replace)
        if isinstance(settings.inbox, FolderInboxSettings):
            files = chain(files, entries_to_restore(source / "inbox", settings.inbox_dir))
        # Copied before the switch: afterwards only renames are left, which are fast and hardly fail.
        # Otherwise the restored collection could end with the keys and uploads of the replaced one.
        with _drafts_of(files) as drafts:
            await restoring.switch()
            for draft, target in drafts.items():
                draft.replace(target)
            for folder in {target.parent for target in drafts.values()}:
                sync_folder(folder)
        _restore_state(settings, source, replace=replace)
    return RestoreResult(manifest=manifest, same_answers=same_answers)


def _restore_state(settings: Settings, source: Path, *, replace: bool) -> None:
    if not isinstance(settings.state, SqliteStateSettings) or not (source / STATE_FILE).is_file():
        return
    if replace or not settings.state_file.exists():
        restore_state(source / STATE_FILE, settings.state_file)


def _files_to_restore(source: Path, target: Path, *, replace: bool) -> Iterator[RestoredFile]:
    """Yield the data files of the backup, without those that exist here if `replace` is false."""
    for name in DATA_FILES:
        if (source / name).is_file() and (replace or not (target / name).exists()):
            yield source / name, (target / name).with_suffix(".draft"), target / name


@contextmanager
def _drafts_of(files: Iterable[RestoredFile]) -> Iterator[dict[Path, Path]]:
    """Copy each file to a draft beside its target, and yield the targets by draft; delete the drafts at the end."""
    drafts: dict[Path, Path] = {}
    try:
        try:
            for original, draft, target in files:
                drafts[draft] = target
                copy_file(original, draft)
        except OSError as error:
            raise Unavailable(f"{error}. Nothing was switched. {advice_for(error)}") from error
        yield drafts
    finally:
        for draft in drafts:
            draft.unlink(missing_ok=True)
