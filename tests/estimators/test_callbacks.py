"""scikit-learn's callbacks in cross-validation."""

import numpy as np
import problems
import pytest

from softreg_fast import ElasticNetCV, LassoCV

# small user-given grids are not extended
pytestmark = pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")


class Recorder:
    """Callback that records the names of the tasks reported to it."""

    def __init__(self, stop_at=None):
        self.begun, self.ended, self.stop_at = [], [], stop_at
        self.alive = 0

    def setup(self, estimator, context):
        self.alive += 1

    def teardown(self, estimator, context):
        self.alive -= 1

    def on_fit_task_begin(self, estimator, context):
        self.begun.append(context.task_name)

    def on_fit_task_end(self, estimator, context, *, metadata=None):
        self.ended.append(context.task_name)
        return context.task_name == "alpha" and context.task_id == self.stop_at


@pytest.mark.skipif(not hasattr(LassoCV, "set_callbacks"), reason="scikit-learn before 1.9")
def test_callbacks_of_scikit_learn(rng):
    X, y = problems.make_data(rng, 40, 6)
    recorder = Recorder()
    LassoCV(cv=2, alphas=5).set_callbacks(recorder).fit(X, y)
    paths = ["fold 0", "fold 1", "all samples"]
    assert recorder.begun == ["fit"] + [t for path in paths for t in [path] + 5 * ["alpha"]]
    assert recorder.ended == [t for path in paths for t in 5 * ["alpha"] + [path]] + ["fit"]
    assert recorder.alive == 0
    stopping = Recorder(stop_at=2)
    model = LassoCV(cv=2, alphas=5).set_callbacks(stopping).fit(X, y)
    assert np.isnan(model.mse_path_[3:]).all()
    with pytest.raises(ValueError, match="rule must be"):
        LassoCV(rule="max").set_callbacks(recorder).fit(X, y)
    assert recorder.alive == 0
    folds = {"cv": 2}
    for options in (
        {"alpha_per_target": True, **folds},
        {"patience": 2, **folds},
        {"criterion": "bic"},
    ):
        other = Recorder()
        Y = np.column_stack([y, -y]) if "alpha_per_target" in options else y
        LassoCV(alphas=5, **options).set_callbacks(other).fit(X, Y)
        assert sorted(other.begun) == sorted(other.ended)
        assert other.begun[0] == other.ended[-1] == "fit"


@pytest.mark.skipif(not hasattr(LassoCV, "set_callbacks"), reason="scikit-learn before 1.9")
def test_the_progress_bar_of_scikit_learn(rng, capsys):
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar

    X, y = problems.make_data(rng, 40, 6)
    ElasticNetCV(cv=2, alphas=5, l1_ratio=[0.5, 1.0]).set_callbacks(ProgressBar()).fit(X, y)
    shown = capsys.readouterr().out
    assert "fold 1, l1_ratio 1" in shown
    assert "100%" in shown


@pytest.mark.skipif(not hasattr(LassoCV, "set_callbacks"), reason="scikit-learn before 1.9")
def test_callbacks_end_paths_along_the_grid_together(rng):
    X, y = problems.make_data(rng, 60, 8)
    stopping = Recorder(stop_at=2)
    LassoCV(alphas=30, patience=10).set_callbacks(stopping).fit(X, y)
    assert sorted(stopping.begun) == sorted(stopping.ended)
