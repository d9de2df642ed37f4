"""File operations of the store: sparse copies, free space, and folders that are missing or exist."""

import errno
import mmap
import shutil
from types import SimpleNamespace

import pytest

from rag.store.files import allocate_holes, copy_folder, data_bytes, files_of, require_free
from tests.unit.rag.store.conftest import make_hole


def test_a_copy_has_the_same_bytes_and_the_same_holes(tmp_path):
    source, target = tmp_path / "source", tmp_path / "new" / "parents" / "target"
    (source / "inner").mkdir(parents=True)
    (source / "empty").touch()
    (source / "inner" / "data").write_bytes(b"x" * (3 << 20))
    with (source / "sparse").open("wb") as file:
        file.truncate(64 << 20)
        file.seek(32 << 20)
        file.write(b"in the middle")
    copy_folder(source, target, reserve=0)
    for name in ("empty", "inner/data", "sparse"):
        assert (target / name).read_bytes() == (source / name).read_bytes()
    assert data_bytes(target) < 8 << 20


def test_a_failed_copy_names_the_cause_and_leaves_no_target(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing"):
        copy_folder(tmp_path / "missing", tmp_path / "target", reserve=0)
    assert not (tmp_path / "target").exists()


def test_files_that_another_process_removes_when_it_opens_the_shard_are_passed_over(tmp_path):
    (tmp_path / ".atomicwriteAb3dE9").mkdir()
    (tmp_path / ".atomicwriteAb3dE9" / "tmpfile.tmp").write_text("draft")
    (tmp_path / "journal").symlink_to("removed")  # It is listed, and it does not exist.
    (tmp_path / "data").write_bytes(b"x" * 10_000)
    assert {path.name for path in files_of(tmp_path)} == {"journal", "data"}
    allocate_holes(files_of(tmp_path))
    assert data_bytes(tmp_path) >= 10_000


def test_a_copy_starts_again_if_another_process_removes_a_journal_meanwhile(tmp_path, monkeypatch):
    source, target = tmp_path / "source", tmp_path / "target"
    (source / ".atomicwriteAb3dE9").mkdir(parents=True)
    (source / "data").write_text("data")
    (source / "tracker_journal.dat").write_text("journal")
    listed = shutil.copytree

    def remove_after_listing(*arguments, **options):
        def copy(name: str, copied: str) -> None:
            (source / "tracker_journal.dat").unlink(missing_ok=True)
            options["copy_function"](name, copied)

        return listed(*arguments, **(options | {"copy_function": copy}))

    monkeypatch.setattr("rag.store.files.shutil.copytree", remove_after_listing)
    copy_folder(source, target, reserve=0)
    assert [path.name for path in target.iterdir()] == ["data"]


@pytest.mark.parametrize(("wanted", "is_enough"), [(1000, True), (1001, False)])
def test_all_free_bytes_may_be_used_and_no_more(tmp_path, monkeypatch, wanted, is_enough):
    monkeypatch.setattr("rag.store.files.shutil", SimpleNamespace(disk_usage=lambda _: SimpleNamespace(free=1000)))
    if is_enough:
        require_free(tmp_path, wanted)
    else:
        with pytest.raises(OSError, match="MiB are free") as raised:
            require_free(tmp_path, wanted)
        assert raised.value.errno == errno.ENOSPC


@pytest.mark.parametrize(("failed", "tries"), [("removed", 5), ("data", 1)])
def test_only_a_copy_that_lost_a_file_is_tried_again_and_not_for_ever(tmp_path, monkeypatch, failed, tries):
    source, made = tmp_path / "source", []
    source.mkdir()
    (source / "data").write_text("data")

    def fail(*names, **_):
        made.append(names)
        raise shutil.Error([(str(source / failed), "", "It cannot be copied.")])

    monkeypatch.setattr("rag.store.files.shutil.copytree", fail)
    with pytest.raises(shutil.Error, match="cannot be copied"):
        copy_folder(source, tmp_path / "target", reserve=0)
    assert len(made) == tries


def test_in_a_memory_file_system_the_holes_of_every_file_are_allocated(memory_folder):
    (memory_folder / "small").write_bytes(b"x" * 100)
    for name in ("sparse", "large"):
        make_hole(memory_folder / name)
    allocate_holes(files_of(memory_folder))
    assert data_bytes(memory_folder) >= 2 << 20


def test_a_file_that_memory_maps_cannot_read_completely_means_a_full_disk(tmp_path, monkeypatch):
    make_hole(tmp_path / "sparse")
    map_file = mmap.mmap

    def map_and_truncate(*arguments, **options) -> mmap.mmap:
        # Reading behind the end of a file fails in the same way as reading without room for it.
        mapped = map_file(*arguments, **options)
        (tmp_path / "sparse").write_bytes(b"")
        return mapped

    monkeypatch.setattr("rag.store.files.mmap.mmap", map_and_truncate)
    with pytest.raises(OSError, match="No space left") as raised:
        allocate_holes(files_of(tmp_path))
    assert raised.value.errno == errno.ENOSPC


def test_holes_stay_without_an_error_if_the_kernel_cannot_allocate_them(memory_folder, monkeypatch):
    monkeypatch.setattr("rag.store.files._MADV_POPULATE_READ", 9999)
    make_hole(memory_folder / "sparse")
    allocate_holes(files_of(memory_folder))
    assert data_bytes(memory_folder) == 0
