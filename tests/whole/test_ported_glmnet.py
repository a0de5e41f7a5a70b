"""A script of cv.glmnet, ported line by line: each line of R stands above its line of Python."""

import numpy as np
import pandas as pd
import problems
import pytest
from numpy.testing import assert_allclose

pytestmark = pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")


@pytest.fixture
def table(rng):
    X, y = problems.make_data(rng, 120, 10, noise=2.0)
    return pd.DataFrame(X, columns=problems.names(10)).assign(y=y)


def test_every_line_runs(table):
    pyplot = pytest.importorskip("matplotlib.pyplot")

    # library(glmnet)
    import softreg_fast as sf

    # x <- data.matrix(table[1:100, names(table) != "y"]); y <- table$y[1:100]
    x, y = table.iloc[:100].drop(columns="y"), table["y"].iloc[:100]
    # newx <- data.matrix(table[101:120, names(table) != "y"]); newy <- table$y[101:120]
    newx, newy = table.iloc[100:].drop(columns="y"), table["y"].iloc[100:]
    # pf <- rep(1, ncol(x)); pf[1] <- 0
    pf = np.where(x.columns == "x0", 0.0, 1.0)
    # foldid <- rep(1:5, length.out = nrow(x))
    foldid = np.arange(100) % 5 + 1
    # cv <- cv.glmnet(x, y, penalty.factor = pf, foldid = foldid, standardize = TRUE)
    pf = pf * len(pf) / pf.sum()  # as glmnet does by itself
    cv = sf.cv_path(x, y, l1_weights=pf, cv=foldid, standardize=True)
    # plot(cv)
    cv.plot()
    # print(cv)
    print(cv)
    # c(cv$lambda.min, cv$lambda.1se)
    lambdas = [cv.alpha_min, cv.alpha_1se]
    # coef(cv, s = "lambda.1se")
    coef = cv.coef("lambda.1se", intercept=True)
    # predict(cv, newx, s = c(0.1, 0.05))
    predicted = cv.predict(newx, [0.1, 0.05])
    # assess.glmnet(cv, newx = newx, newy = newy, s = "lambda.min")
    assessed = sf.assess(cv, newx, newy, alpha="lambda.min")
    # coef(cv$glmnet.fit, s = 0.07, exact = TRUE, x = x, y = y, penalty.factor = pf)
    exact = cv.path.coef(0.07, exact=(x, y))

    pyplot.close("all")
    assert lambdas == sorted(lambdas)
    assert coef.index.tolist() == ["(Intercept)", *x.columns]
    assert coef["x0"] != 0.0  # not penalised
    assert predicted.shape == (20, 2)
    error = np.mean((newy - cv.predict(newx, "lambda.min")) ** 2)
    assert_allclose(assessed["mse"], error)
    assert_allclose(exact, cv.path.coef(0.07), atol=0.05)


@pytest.mark.parametrize(
    ("call", "hint"),
    [
        ("path", {"lambda_": 0.1}),
        ("path", {"dfmax": 3}),
        ("cv_path", {"foldid": [1, 2]}),
        ("cv_path", {"nfolds": 3}),
        ("cv_path", {"type_measure": "auc"}),
        ("cv_path", {"penalty_factor": [0.0]}),
    ],
)
def test_words_of_glmnet_have_hints(table, call, hint):
    import softreg_fast as sf

    with pytest.raises(TypeError, match=r"here it is called|give "):
        getattr(sf, call)(table.drop(columns="y"), table["y"], **hint)
