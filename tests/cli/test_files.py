"""Files that cannot be read or written are reported in one line."""

import gzip
import os

import pytest
from datafiles import file_with, write_table

from softreg_fast.cli.files import check_writable
from softreg_fast.options.errors import InputError


def test_files_that_cannot_be_read(fails, tmp_path):
    assert "no such file" in fails("fit", "nothing.csv", "--target", "y")
    os.mkdir("folder.csv")
    assert "is a folder" in fails("fit", "folder.csv", "--target", "y")
    file_with("")
    assert "is empty" in fails("fit", "data.csv", "--target", "y")
    with open("data.csv", "wb") as file:
        file.write("größe,y\n1,2\n".encode("latin-1"))
    assert "UTF-8" in fails("fit", "data.csv", "--target", "y")
    with open("data.csv", "wb") as file:
        file.write(b"a,y\n1,2\n" + b"3,\x00\xff\xfe\n")
    assert "UTF-8" in fails("fit", "data.csv", "--target", "y")
    file_with("not compressed", "data.csv.gz")
    assert "data.csv.gz" in fails("fit", "data.csv.gz", "--target", "y")
    with open("short.csv.gz", "wb") as file:
        file.write(gzip.compress(b"a,y\n1,2\n" * 1000)[:-20])
    assert "short.csv.gz" in fails("fit", "short.csv.gz", "--target", "y")
    file_with("a,y\n1,2\n", "data.data")
    assert "--format" in fails("fit", "data.data", "--target", "y")
    assert "--delimiter" in fails("fit", "data.csv", "--format", "npz", "--delimiter", ",")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(fails):
    write_table()
    os.chmod("data.csv", 0)
    assert "permission denied" in fails("fit", "data.csv", "--target", "price")


def test_a_folder_without_permission(monkeypatch):
    monkeypatch.setattr(os, "access", lambda folder, mode: False)
    with pytest.raises(InputError, match="not writable"):
        check_writable("out.csv")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are POSIX matters")
def test_pipes_are_not_read(fails):
    os.mkfifo("pipe.csv")  # reading from it would block for ever
    assert "pipe.csv is a pipe" in fails("fit", "pipe.csv", "--target", "y")
    assert "name of a file to read is empty" in fails("fit", "", "--target", "y")
