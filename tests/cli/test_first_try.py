"""Tables as others write them: `fit FILE --target T` fits them, or says in one line what to do."""

import gzip
import shlex
from pathlib import Path

import pytest
from datafiles import file_with

pd = pytest.importorskip("pandas")

SHARED = Path(__file__).parents[3] / "shared" / "data" / "tables"

# The shared files with their targets, and the options that the message for the first try names.
TABLES = {
    "Hitters.csv": ("Salary", "--missing drop"),
    "Carseats.csv": ("Sales", ""),
    "College.csv": ("Apps", ""),
    "Auto.csv": ("mpg", ""),
    "Wage.csv": ("wage", ""),
    "Credit.csv": ("Balance", ""),
    "Bikeshare.csv": ("bikers", ""),
    "penguins.csv": ("body_mass_g", "--missing drop"),
    "penguins.parquet": ("body_mass_g", "--missing indicator"),
    "carseats.parquet": ("Sales", ""),
    "seattle-weather.csv": ("temp_max", "--dates year,month"),
    "weather.parquet": ("temp_max", "--dates year,month"),
    "mtcars.csv": ("mpg", ""),
    "mtcars2.csv": ("mpg", "--decimal ,"),
    "mtcars.txt": ("mpg", ""),
    "air2.csv": ("Ozone", "--decimal , --missing drop"),
    "warp.csv.gz": ("breaks", ""),
    "longley.csv": ("TOTEMP", ""),
    "randhie.csv": ("mdvis", ""),
    "Caravan.csv": ("Purchase", "--loss logistic"),
    "Default.csv": ("default", "--loss logistic"),
    "iris.csv": ("setosa", None),
    "diabetes_data_raw.csv.gz": ("target", None),
}

# Small files of the same kinds.
ROWS = range(12)
NUMBERS = [f"{k * 0.5},{(k * k) % 7}" for k in ROWS]
MADE = {
    "text.csv": ("x,y,in\n" + "".join(f"{n},{'NA'[k % 2]}\n" for k, n in enumerate(NUMBERS)), ""),
    "gaps.csv": ("x,y\n" + "\n".join([*NUMBERS, "1,"]) + "\n", "--missing drop"),
    "marked.csv": ("x,y\n" + "\n".join([*NUMBERS, "NA,3"]) + "\n", "--missing indicator"),
    "dates.csv": (
        "day,x,y\n" + "".join(f"2012/{k + 1:02d}/01,{n}\n" for k, n in enumerate(NUMBERS)),
        "--dates year,month",
    ),
    "rows.csv": ('"","x","y"\n' + "".join(f'"car {k}",{n}\n' for k, n in enumerate(NUMBERS)), ""),
    "rows.txt": (
        '"x" "y"\n' + "".join(f'"car {k}" {n}\n' for k, n in enumerate(NUMBERS)).replace(",", " "),
        "",
    ),
    "csv2.csv": (
        '"x";"y"\n' + "\n".join(n.replace(",", ";").replace(".", ",") for n in NUMBERS) + "\n",
        "--decimal ,",
    ),
    "packed.csv.gz": (gzip.compress(("x,y\n" + "\n".join(NUMBERS)).encode()), ""),
    "classes.csv": ("y,x\n" + "".join(f"{'No' if k % 3 else 'Yes'},{k % 5}\n" for k in ROWS),
                    "--loss logistic"),
    "codes.csv": ("x,y,hour\n" + "".join(f"{n},{k % 3}\n" for k, n in enumerate(NUMBERS)), ""),
    "headless.csv": ("\n".join(NUMBERS) + "\n", None),
    "counts.csv": ("150,4,y,x\n" + "".join(f"{n},{k},1\n" for k, n in enumerate(NUMBERS)), None),
    "latin.csv": ("größe,y\n".encode("cp1252") + "\n".join(NUMBERS).encode(), "--encoding cp1252"),
}  # fmt: skip


def fitted_or_told(call, name, target, options):
    fit = ("fit", str(name), "--target", target, "--n-alphas", 4)
    code, out, err = call(*fit)
    if options == "":
        assert (code, "Certificate" in out) == (0, True), err
        return
    assert (code, out, err.count("\n")) == (2, "", 1)
    if options is None:
        assert "header with the names of the columns" in err
        return
    # the message names the first option that it takes, and in the end all is said
    words = []
    for option, value in zip(*[iter(shlex.split(options))] * 2, strict=True):
        assert f"{option} {value}" in err
        words += [option, value]
        code, out, err = call(*fit, *words)
    assert (code, "Certificate" in out) == (0, True), err


@pytest.mark.parametrize("name", MADE)
def test_small_files(call, name):
    content, options = MADE[name]
    fitted_or_told(call, file_with(content, name), "y", options)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.skipif(not SHARED.exists(), reason="the shared data are not here")
def test_shared_files(call, name):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    fitted_or_told(call, SHARED / name, *TABLES[name])
