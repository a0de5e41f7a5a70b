"""Pickle small fitted objects of this version, as test data for later versions.

    python tools/pickle_objects.py

writes tests/pickles/VERSION.pickle, which tests/whole/test_old_pickles.py loads from then on.  Run
it once before a release, with the oldest supported packages, because pickles can be loaded by
newer packages but not by older ones; `make oldest` leaves such an environment:

    build/oldest/bin/python tools/pickle_objects.py

The file of a released version is never overwritten.
"""

import pickle
import platform
import sys
from importlib.metadata import version
from pathlib import Path

TESTS = Path(__file__).parent.parent / "tests"
PACKAGES = ("softreg_fast", "numpy", "scipy", "scikit-learn")


def main():
    sys.path.insert(0, str(TESTS))
    import pickled

    X, y = pickled.make_data()
    objects = pickled.make_objects(X, y)
    versions = {name: version(name) for name in PACKAGES}
    held = {
        "versions": {"python": platform.python_version()} | versions,
        "X": X,
        "y": y,
        # pickled one by one, so that one that cannot be loaded does not affect the others
        "objects": {name: pickle.dumps(thing, protocol=4) for name, thing in objects.items()},
        "answers": {name: pickled.answer(thing, X) for name, thing in objects.items()},
    }
    place = TESTS / "pickles" / f"{versions['softreg_fast']}.pickle"
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(pickle.dumps(held, protocol=4))
    print(f"{place}: {len(objects)} objects, {place.stat().st_size} bytes, {versions}")


if __name__ == "__main__":
    main()
