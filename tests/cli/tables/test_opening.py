"""Compressed files and encodings, told by the content."""

import bz2
import gzip
import io
import lzma
import zipfile

import pytest
from datafiles import file_with

from softreg_fast.cli.tables.reading import read_table
from softreg_fast.cli.tables.roles import Roles

TEXT = b"a,b,y\n1,2,3\n4,5,7\n"


def zipped(*names):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name in names:
            archive.writestr(name, TEXT)
    return held.getvalue()


def packed(method):
    if method == "zst":
        import pyarrow

        path = "packed.zst"
        with pyarrow.output_stream(path, compression="zstd") as stream:
            stream.write(TEXT)
        with open(path, "rb") as file:
            return file.read()
    methods = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
    return zipped("inner.csv") if method == "zip" else methods[method](TEXT)


@pytest.mark.parametrize("method", ["gz", "bz2", "xz", "zst", "zip"])
@pytest.mark.parametrize("name", ["data.csv.{}", "data.csv"])
def test_compressed_text_is_told_by_its_content(method, name):
    pytest.importorskip("pyarrow")
    table = read_table(file_with(packed(method), name.format(method)), Roles(target="y"))
    assert (table.X.tolist(), table.y.tolist()) == ([[1, 2], [4, 5]], [3, 7])


@pytest.mark.parametrize("method", ["gz", "bz2", "xz"])
def test_files_that_are_cut_off(fails, method):
    file_with(packed(method)[:-9], f"data.csv.{method}")
    said = fails("fit", f"data.csv.{method}", "--target", "y")
    assert f"data.csv.{method}" in said


def test_zip_archives(call, fails):
    assert call("fit", file_with(zipped("table.txt"), "data.zip"), "--target", "y")[0] == 0
    said = fails("fit", file_with(zipped("a.csv", "b.csv"), "data.zip"), "--target", "y")
    assert "holds 2 files (a.csv, b.csv)" in said
    said = fails("fit", file_with(zipped("a.csv")[:-30], "data.csv.zip"), "--target", "y")
    assert "damaged zip archive" in said


def test_encodings(call, fails):
    text = "größe,y\n1,2\n3,5\n"
    said = fails("fit", file_with(text.encode("cp1252")), "--target", "y")
    assert "line 1 (in cp1252 'größe,y')" in said
    assert "--encoding cp1252" in said
    for encoding in ("cp1252", "utf-16", "utf-16-le", "utf-32"):
        file_with(text.encode(encoding))
        code, out, _ = call("fit", "data.csv", "--target", "y", "--encoding", encoding)
        assert (code, "größe" in out) == (0, True)
    said = fails("fit", "data.csv", "--target", "y", "--encoding", "ascii")
    assert "not text in ascii" in said
    assert "'rot13' is not the name of an encoding" in fails(
        "fit", "data.csv", "--target", "y", "--encoding", "rot13"
    )


def test_a_last_row_that_is_cut_off(fails):
    said = fails("fit", file_with("a,b,y\n1,2,3\n4,5"), "--target", "y")
    assert "line 3 has 2 cells" in said
    assert "perhaps the file is cut off" in said
