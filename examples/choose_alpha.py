"""Choose alpha by cross-validation, print the chosen model, and draw it.

python examples/choose_alpha.py [FILE.png]      (drawing needs matplotlib)
"""

import sys

from sklearn.datasets import load_diabetes
from sklearn.preprocessing import PolynomialFeatures

import softreg_fast as sf


def make_data():
    """Return the diabetes data with all squares and products, 64 features.

    Not the square of sex, which has two values: it would be the same feature again.
    """
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    products = PolynomialFeatures(2, include_bias=False).set_output(transform="pandas")
    return products.fit_transform(X).drop(columns="sex^2"), y


def search(X, y):
    """Cross-validate on ten folds; the 1-SE rule prefers a smaller model of similar error."""
    return sf.LassoCV(cv=10, rule="1se", eps=0.01, standardize=True).fit(X, y)


def draw(model, file):
    """Draw paths and errors side by side."""
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11.0, 4.2), layout="constrained")
    sf.PathDisplay.from_estimator(model, ax=left)
    sf.CVPathDisplay.from_estimator(model, ax=right)
    figure.savefig(file, dpi=110)
    print(f"wrote {file}")


def main(picture=None):
    """Print the chosen model; draw it if a file is given."""
    model = search(*make_data())
    found = model.cv_path_
    print(found)
    print("\nThe chosen model:")
    for name, coef in found.path[found.index].selected():
        print(f"  {name:<10} {coef:9.2f}")
    if picture is not None:
        draw(model, picture)


if __name__ == "__main__":
    main(*sys.argv[1:2])
