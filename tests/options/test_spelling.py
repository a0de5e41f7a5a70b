"""Names in one form, as arguments of a shell, and safe to print."""

from datafiles import COMPOSED, DECOMPOSED

from softreg_fast.options.spelling import as_argument, as_names, composed, nearest, printable


def test_words():
    assert printable("a\x1b\x07\u2028é\n") == r"a\x1b\x07\u2028é" + "\n"
    assert printable("a\nb", keep="") == r"a\nb"
    assert printable("می\u200cخواهم") == "می\u200cخواهم"
    assert composed(DECOMPOSED) == COMPOSED
    assert nearest("totemp", ["x", "TOTEMP"]) == "TOTEMP"
    for names in (["a"], [""], ["a b", 'c,"d'], ["x", "", 'q"'], ["a\nb"]):
        import shlex

        assert as_names(shlex.split(as_argument(names))[0]) == names
