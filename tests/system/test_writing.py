"""Files are written whole or not at all, through links and to devices."""

import os

import pytest
from datafiles import file_with, files, text_of

from softreg_fast.system.writing import whole_file, write_whole


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, ValueError])
def test_an_interrupted_write_leaves_the_old_file(error):
    file_with("old", "out.csv")

    def pieces():
        yield "new " * 100_000
        raise error

    with pytest.raises(error):
        write_whole("out.csv", pieces())
    assert files() == ["out.csv"]
    assert text_of("out.csv") == "old"


@pytest.mark.skipif(os.name != "posix", reason="links and devices are POSIX matters")
def test_links_and_devices_are_written_through(call):
    os.mkdir("elsewhere")
    file_with("old", "elsewhere/real.csv")
    os.symlink("elsewhere/real.csv", "link.csv")
    write_whole("link.csv", ["new"])
    assert os.path.islink("link.csv")
    assert text_of("elsewhere/real.csv") == "new"
    write_whole("/dev/null", ["nothing"])
    assert not os.path.isfile("/dev/null")
    old = os.umask(0o027)
    try:
        write_whole("shared.csv", ["x"])
    finally:
        os.umask(old)
    assert os.stat("shared.csv").st_mode & 0o777 == 0o640


def test_a_file_written_again_keeps_its_permissions(tmp_path):
    place = tmp_path / "model.json"
    place.write_text("old")
    place.chmod(0o600)
    write_whole(str(place), ["new"])
    assert place.read_text() == "new"
    if os.name == "posix":
        assert place.stat().st_mode & 0o777 == 0o600


def test_names_as_long_as_a_folder_allows(tmp_path):
    place = tmp_path / ("名" * 83 + ".json")  # 254 bytes
    write_whole(str(place), ["new"])
    assert [each.name for each in tmp_path.iterdir()] == [place.name]


def test_whole_files(tmp_path):
    words = "é\r\n"
    pairs = ((b"\xff", b"\xff"), (words, words.encode()), (["a", "é"], "aé".encode()))
    for content, held in pairs:
        write_whole(tmp_path / "file", content)
        assert (tmp_path / "file").read_bytes() == held
    with pytest.raises(FileNotFoundError, match="there is no folder nowhere") as error:
        write_whole(os.path.join("nowhere", "f"), b"")
    assert ".part" not in str(error.value)
    with pytest.raises(IsADirectoryError, match="is a folder"):
        write_whole(tmp_path, b"")
    with pytest.raises(ZeroDivisionError), whole_file(tmp_path / "file") as file:
        file.write(b"half" * (1 // 0))
    assert (tmp_path / "file").read_bytes() == "aé".encode()
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.skipif(not os.path.exists("/dev/fd"), reason="pipes by number are POSIX matters")
def test_pipes_are_written_to():
    reader, writer = os.pipe()
    with open(reader, "rb") as file:
        write_whole(f"/dev/fd/{writer}", b"x")
        os.close(writer)
        assert file.read() == b"x"


def test_what_goes_wrong_names_the_file_that_was_asked_for(monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device", "some.part")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left on device: 'mine'"):
        write_whole("mine", b"x")
    assert os.listdir() == []
