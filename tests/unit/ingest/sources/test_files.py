import asyncio
import os
from pathlib import Path

import pytest

from ingest.sources.base import Gone, Rejection, Unmodified
from ingest.sources.files import FileSource
from rag.errors import InvalidInput
from rag.types import RawDocument
from tests.support.fetching import fetch_all


async def read(path: Path, max_bytes: int = 1_000) -> list[RawDocument | Unmodified | Rejection]:
    return await fetch_all(FileSource(path, max_bytes=max_bytes))


async def names_in(folder: Path) -> list[str]:
    return [Path(unit.uri.removeprefix("file://")).relative_to(folder).as_posix() for unit in await read(folder)]


def write(path: Path, text: str = "text") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


async def test_a_file_is_returned_with_its_bytes_media_type_and_absolute_uri(tmp_path):
    path = write(tmp_path / "Ein Café.md", "# Tür")

    [unit] = await read(path)

    assert isinstance(unit, RawDocument)
    assert (unit.body, unit.media_type) == ("# Tür".encode(), "text/markdown")
    assert unit.uri == path.as_uri()


async def test_the_same_file_has_the_same_id_in_every_run(tmp_path):
    path = write(tmp_path / "a.md")

    [first], [second] = await read(path), await read(path)

    assert first.id == second.id


async def test_a_folder_yields_the_supported_files_below_it_ordered_by_path(tmp_path):
    for name in ("b.txt", "a/z.md", "a/b.HTML", "c.pdf", "photo.jpg", "Brewfile"):
        write(tmp_path / name)

    assert await names_in(tmp_path) == ["a/b.HTML", "a/z.md", "b.txt", "c.pdf"]


async def test_hidden_files_and_generated_folders_are_skipped(tmp_path):
    for name in (".hidden.md", ".git/a.md", ".venv/a.md", "node_modules/a.md", "__pycache__/a.md", "kept.md"):
        write(tmp_path / name)

    assert await names_in(tmp_path) == ["kept.md"]


async def test_a_hidden_folder_is_read_if_it_is_named_explicitly(tmp_path):
    write(tmp_path / ".notes" / "a.md")

    assert len(await read(tmp_path / ".notes")) == 1


async def test_symbolic_links_that_form_a_loop_are_followed_once(tmp_path):
    write(tmp_path / "folder" / "a.md")
    (tmp_path / "folder" / "up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "folder" / "self.md").symlink_to("self.md")

    assert await names_in(tmp_path) == ["folder/a.md", "folder/self.md"]


async def test_an_unreadable_file_is_rejected_and_the_others_are_returned(tmp_path):
    (tmp_path / "broken.md").symlink_to(tmp_path / "gone.md")
    write(tmp_path / "good.md")

    broken, good = await read(tmp_path)

    assert isinstance(broken, Rejection)
    assert broken.reason == "a symbolic link whose target does not exist"
    assert isinstance(good, RawDocument)


async def test_a_file_of_an_unsupported_format_is_rejected_if_it_is_named_explicitly(tmp_path):
    [rejection] = await read(write(tmp_path / "song.mp3"))

    assert isinstance(rejection, Rejection)
    assert "Markdown" in rejection.reason


async def test_a_file_over_the_limit_is_rejected(tmp_path):
    exact, over = write(tmp_path / "a.md", "x" * 1_000), write(tmp_path / "b.md", "x" * 1_001)

    [accepted], [rejection] = await read(exact), await read(over)

    assert isinstance(accepted, RawDocument)
    assert isinstance(rejection, Rejection)
    assert rejection.reason == "larger than the limit of 1,000 bytes (RAG_MAX_DOCUMENT_BYTES)"


async def test_a_named_pipe_is_rejected_without_blocking(tmp_path):
    os.mkfifo(tmp_path / "pipe.md")

    [rejection] = await read(tmp_path / "pipe.md")

    assert isinstance(rejection, Rejection)
    assert rejection.reason == "not a regular file"


async def test_pipes_and_devices_in_a_folder_are_rejected_and_the_files_are_returned(tmp_path):
    os.mkfifo(tmp_path / "a.md")
    (tmp_path / "b.md").symlink_to("/dev/zero")
    write(tmp_path / "c.md")

    pipe, device, good = await read(tmp_path)

    assert (pipe.reason, device.reason) == ("not a regular file", "not a regular file")
    assert isinstance(good, RawDocument)


async def test_an_ignore_file_that_is_a_named_pipe_is_rejected_without_blocking(tmp_path):
    os.mkfifo(tmp_path / ".ragignore")

    with pytest.raises(InvalidInput, match="not a regular file"):
        FileSource(tmp_path, max_bytes=1_000)


async def test_a_file_that_is_deleted_or_replaced_after_the_listing_is_rejected(tmp_path):
    for name in ("a.md", "b.md", "c.md"):
        write(tmp_path / name)
    units = [unit async for unit in FileSource(tmp_path, max_bytes=1_000).find()]
    (tmp_path / "a.md").unlink()
    (tmp_path / "b.md").unlink()
    os.mkfifo(tmp_path / "b.md")

    with pytest.raises(Gone, match="deleted or renamed"):
        await units[0].fetch("")
    with pytest.raises(InvalidInput, match="not a regular file"):
        await units[1].fetch("")
    assert isinstance(await units[2].fetch(""), RawDocument)


@pytest.mark.parametrize("name", [b"two\nlines.md", b"\xff\xfe.md", b"q?#%20.md", "\u202edm.md".encode()])
async def test_a_file_with_an_unusual_name_is_read_and_recognised_by_prune(tmp_path, name):
    with open(os.path.join(os.fsencode(tmp_path), name), "w") as file:  # noqa: ASYNC230, PTH118, PTH123 - a path of bytes
        file.write("text")
    source = FileSource(tmp_path, max_bytes=1_000)

    [unit] = await fetch_all(source)

    assert unit.body == b"text"
    assert unit.uri.isascii()
    assert unit.uri.isprintable()
    assert source.covers(unit.uri)


def test_a_missing_path_is_rejected_and_the_error_says_what_to_do(tmp_path):
    with pytest.raises(InvalidInput, match="check the spelling"):
        FileSource(tmp_path / "nowhere", max_bytes=1)


async def test_count_returns_the_number_of_units(tmp_path):
    for name in ("a.md", "b/c.txt", "d.jpg"):
        write(tmp_path / name)

    assert FileSource(tmp_path, max_bytes=1).count() == 2


async def test_a_glob_selects_only_the_files_that_it_matches(tmp_path):
    for name in ("a.md", "b.txt", "deep/er/c.md"):
        write(tmp_path / name)

    assert [Path(unit.uri).name for unit in await read(tmp_path / "**" / "*.md")] == ["a.md", "c.md"]


async def test_ignore_rules_come_from_the_caller_and_from_the_folder(tmp_path):
    for name in ("kept.md", "drafts/a.md", "old.txt"):
        write(tmp_path / name)
    write(tmp_path / ".ragignore", "drafts/")
    source = FileSource(tmp_path, max_bytes=1_000, ignore=["*.txt"])

    assert [Path(unit.uri).name for unit in await fetch_all(source)] == ["kept.md"]
    assert source.covers((tmp_path / "gone.md").as_uri())
    assert not source.covers((tmp_path / "drafts" / "gone.md").as_uri())


async def test_a_file_that_has_not_changed_is_not_read_again(tmp_path):
    path = write(tmp_path / "a.md")
    os.utime(path, (1, 1))
    await asyncio.sleep(2.1)
    source = FileSource(path, max_bytes=1_000)

    [first] = await fetch_all(source)

    assert isinstance(first, RawDocument)
    assert isinstance((await fetch_all(source, first.validator))[0], Unmodified)
    path.write_text("changed")
    assert isinstance((await fetch_all(source, first.validator))[0], RawDocument)


async def is_gone(source: FileSource, *paths: Path) -> list[bool]:
    return [await source.is_gone(path.as_uri()) for path in paths]


async def test_a_broken_link_hides_only_what_is_behind_it(tmp_path):
    other = tmp_path / "other disk"
    write(other / "far.md")
    root = tmp_path / "root"
    write(root / "a.md")
    (root / "shelf").symlink_to(other, target_is_directory=True)
    (root / "note.md").symlink_to(other / "note.md")
    other.rename(tmp_path / "unmounted")
    source = FileSource(root, max_bytes=1_000)

    rejected = [unit for unit in await fetch_all(source) if isinstance(unit, Rejection)]

    assert [rejection.uri for rejection in rejected] == [(root / "note.md").as_uri()]
    [warning] = source.notes.warnings
    assert (warning.code, warning.affected.names) == ("unlisted", [(root / "shelf").as_uri()])
    places = [root / name for name in ("shelf/far.md", "shelf/deep/far.md", "note.md", "b.md", "shelf2/c.md")]
    assert await is_gone(source, *places) == [False, False, False, True, True]


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser can read every folder")
async def test_an_unreadable_folder_hides_only_what_is_below_it(tmp_path):
    write(tmp_path / "closed" / "a.md")
    write(tmp_path / "b.md")
    (tmp_path / "closed").chmod(0)
    source = FileSource(tmp_path, max_bytes=1_000)
    try:
        [rejection, _] = await fetch_all(source)
    finally:
        (tmp_path / "closed").chmod(0o700)

    assert isinstance(rejection, Rejection)
    assert await is_gone(source, tmp_path / "closed" / "a.md", tmp_path / "c.md") == [False, True]


async def test_nothing_is_gone_if_another_disk_is_mounted_after_the_listing(tmp_path):
    write(tmp_path / "root" / "a.md")
    source = FileSource(tmp_path / "root", max_bytes=1_000)
    await fetch_all(source)
    (tmp_path / "root").rename(tmp_path / "unmounted")
    (tmp_path / "root").mkdir()

    assert await is_gone(source, tmp_path / "root" / "b.md") == [False]


async def test_passed_over_files_are_named_by_kind(tmp_path):
    for name in ("a.md", "b.PNG", "c.png", "d.unknown-thing-of-mine", "old/e.md", ".git/f.md", "node_modules/g.md"):
        write(tmp_path / name)
    write(tmp_path / ".ragignore", "old/")
    source = FileSource(tmp_path, max_bytes=1_000)
    source.count()

    await fetch_all(source)

    # A folder has no order of its own.
    kinds = {kind: sorted(Path(name).name for name in named.names) for kind, named in source.notes.passed_over.items()}
    assert kinds == {
        ".png": ["b.PNG", "c.png"],
        ".unknown-thi": ["d.unknown-thing-of-mine"],
        "ignored": ["old"],
        "hidden": [".git"],
        "node_modules/": ["node_modules"],
    }
