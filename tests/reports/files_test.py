"""If these fail, --out replaces a device by a file, follows a link that somebody laid, or leaves half a file."""

import os
from pathlib import Path

import pytest
from attnbench.support.files import write_whole


@pytest.mark.parametrize("device", ["/dev/full", "/dev/null"])
def test_devices_are_written_into_and_stay_devices(device):
    if device == "/dev/full":
        with pytest.raises(OSError, match="No space left"):
            write_whole(Path(device), "text")
    else:
        write_whole(Path(device), "text")
    assert Path(device).is_char_device()


def test_a_pipe_gets_the_text(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_whole(tmp_path / "pipe", "text")
    assert os.read(reader, 10) == b"text"
    os.close(reader)
    assert (tmp_path / "pipe").is_fifo()


def test_an_open_descriptor_keeps_what_it_has(tmp_path):
    (tmp_path / "log").write_text("before ")
    with (tmp_path / "log").open("a") as log:
        write_whole(Path(f"/dev/fd/{log.fileno()}"), "text")
    assert (tmp_path / "log").read_text() == "before text"


def test_a_link_leads_to_the_file_that_is_replaced(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there/file").write_text("old")
    (tmp_path / "link").symlink_to("there/file")
    write_whole(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "there/file").read_text() == "new"


def test_nothing_is_left_beside_the_file_even_of_a_failure(tmp_path):
    write_whole(tmp_path / "file", "text")
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path / "folder", "text")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_no_link_is_followed_that_lies_where_the_temporary_file_goes(tmp_path, monkeypatch):
    monkeypatch.setattr("secrets.token_hex", lambda _: "guessed")
    (tmp_path / "precious").write_text("mine")
    (tmp_path / ".file.guessed").symlink_to("precious")
    with pytest.raises(FileExistsError):
        write_whole(tmp_path / "file", "text")
    assert (tmp_path / "precious").read_text() == "mine"
