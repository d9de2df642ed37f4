from rag.durable import copy_file


def test_a_file_is_copied_into_a_new_or_an_existing_folder(tmp_path):
    (tmp_path / "source").write_text("text")
    for name in ("one", "two"):
        copy_file(tmp_path / "source", tmp_path / "new" / "folder" / name)
        assert (tmp_path / "new" / "folder" / name).read_text() == "text"
