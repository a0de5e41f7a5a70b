"""Formulas such as "price ~ C(cut) + bs(carat)": a target and features, by formulaic.

A formula is code of the user, which formulaic evaluates on the columns of a table: names and values
in the table are data and are never evaluated, and no variable of the caller is seen.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from softreg_fast.data.coding import Coded
from softreg_fast.data.frames import column_at, is_frame, labels_in, missing_in
from softreg_fast.data.names import Names, counted, feature_names_of, labels_of, listed
from softreg_fast.options.hints import suggestion
from softreg_fast.options.types import Index

# The column of ones, and its term.
INTERCEPT, ONE = "Intercept", "1"

# Features are stored densely where at least this share of their entries is not 0.
DENSE_FROM = 0.5


@dataclass(frozen=True, eq=False)
class FormulaCoding:
    """The features of a formula, made of other tables as of that of the fit.

    What a term has learned from the table of the fit, such as levels, means or the knots of a
    spline, is kept.

    Attributes
    ----------
    formula : str
    spec : formulaic.ModelSpec
        The right-hand side.
    variables : tuple of str
        Names of the columns that it uses.
    unknown : {"error", "zero"}
        What a level means that the fit has not seen.
    """

    formula: str
    spec: Any
    variables: tuple[str, ...]
    unknown: str = "error"

    @property
    def _own(self) -> list[int]:
        # positions of the columns without that of ones
        return [j for j, name in enumerate(self.spec.column_names) if name != INTERCEPT]

    @property
    def feature_names(self) -> Names:
        """Names of the features, those of formulaic, (n_features,)."""
        names = [self.spec.column_names[j] for j in self._own]
        return np.fromiter(names, dtype=object, count=len(names))

    @property
    def n_features(self) -> int:
        """Number of features."""
        return len(self._own)

    @property
    def columns(self) -> Names:
        """Terms of the formula, (n_terms,)."""
        terms = [str(term) for term, own in self._terms() if own]
        return np.fromiter(terms, dtype=object, count=len(terms))

    @property
    def labels(self) -> Index:
        """Number of the term of each feature, (n_features,)."""
        sizes = [len(own) for _, own in self._terms() if own]
        return np.repeat(np.arange(len(sizes)), sizes)

    def _terms(self) -> Iterator[tuple[Any, list[int]]]:
        for term, places in self.spec.term_indices.items():
            yield term, [j for j in places if self.spec.column_names[j] != INTERCEPT]

    def matrix(self, frame: Any) -> Any:
        """Return the features of a table, whose columns are matched by name.

        Parameters
        ----------
        frame : pandas, polars or pyarrow frame

        Returns
        -------
        csc_array or ndarray (n_rows, n_features)

        Raises
        ------
        ValueError, TypeError
            For missing columns, missing values and unknown levels.
        """
        _check_names(self.formula, self.variables, frame)
        _check_missing(frame, self.variables)
        table = _as_pandas(frame, self.variables)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of unknown levels, which are looked for here
            found = _evaluated(self.formula, lambda: self.spec.get_model_matrix(table))
        self._check_levels(table)
        return _features(found, self._own)

    def _check_levels(self, table: Any) -> None:
        if self.unknown == "zero":
            return
        for factor, contrasts in self.spec.factor_contrasts.items():
            known = list(contrasts.levels)
            for name in _names_in(factor):
                if name not in table or str(factor) not in (name, f"C({name})"):
                    continue
                strange = ~table[name].isin(known).to_numpy()
                if strange.any():
                    row = int(np.argmax(strange))
                    raise ValueError(
                        f"Column {name!r} has the level {table[name].iloc[row]!r} in row {row}, "
                        f"which the fit has not seen: its levels are {listed(known)}. Correct it, "
                        "or fit with unknown='zero', under which it counts as none of them."
                    )

    def features_of(self, X: Any) -> Any:
        """Return the features of X: of a frame by the formula; an array has them already."""
        if isinstance(X, Coded):
            return X.matrix
        if hasattr(X, "feature_names") and hasattr(X, "X"):  # a Design
            return X
        return X if labels_of(X) is None else self.matrix(X)

    def to_dict(self) -> dict[str, Any]:
        """Raise ValueError: a formula is code, which a file of a model must not hold."""
        raise ValueError(
            f"A model of the formula {self.formula!r} cannot be written as JSON, since reading it "
            "would execute the formula; use pickle among files that you trust, or fit a frame."
        )


def table_of(table: Any, options: Any, complete: Callable[..., Any]) -> Any:
    """Return the table of a formula: its features, its target, and whether it has an intercept.

    Parameters
    ----------
    table : Table
        With the formula as X, and without y.
    options : TableOptions
    complete : callable
        Leaves out the rows of a Table in which a value is missing, in some columns.

    Raises
    ------
    ValueError, TypeError, ImportError
        For formulas that cannot be read or evaluated on the data.
    """
    formula, data = table.X, options.data
    _check_given(formula, table.y, options)
    parsed = _parsed(formula, data)
    target, terms = parsed.lhs, parsed.rhs
    response, used = _variables(target, data), _variables(terms, data)
    _check_names(formula, (*response, *used), data)
    if both := sorted(set(response) & set(used)):
        raise ValueError(
            f"The formula {formula!r} has {listed(both)} on both sides of ~; leave it out on one."
        )
    places = [list(labels_in(data)).index(name) for name in dict.fromkeys((*response, *used))]
    table = table._replace(X=data, y=None)
    if options.missing == "drop":
        table = complete(table, places)
    _check_missing(table.X, (*response, *used))
    frame = _as_pandas(table.X, dict.fromkeys((*response, *used)))
    spec = {"output": "sparse", "ensure_full_rank": False, "na_action": "ignore"}
    found = _evaluated(formula, lambda: terms.get_model_matrix(frame, **spec))
    coding = FormulaCoding(formula, found.model_spec, tuple(used), options.unknown)
    _check_levels(found.model_spec)
    if not coding.n_features:
        raise ValueError(
            f"The formula {formula!r} has no features; name columns on the right of ~."
        )
    X = Coded.made(table.X, coding, _features(found, coding._own), table.kept)
    y = _target(formula, target, table.X, frame)
    has_intercept = any(str(term) == ONE for term in terms)
    return table._replace(X=X, y=y, fit_intercept=has_intercept)


def _check_levels(spec: Any) -> None:
    # formulaic takes such levels for notes of its own, and makes no features of them
    for factor, contrasts in spec.factor_contrasts.items():
        if hidden := [level for level in contrasts.levels if str(level).startswith("__")]:
            raise ValueError(
                f"The term {str(factor)!r} of the formula has the level {hidden[0]!r}, which "
                "begins with two underscores, as no level in a formula may; rename it."
            )


def _check_given(formula: str, y: Any, options: Any) -> None:
    if options.data is None:
        hint = "; y is a table: write data=..." if is_frame(y) else ""
        raise ValueError(
            f"X is the text {formula!r}, a formula, without data; give the table as data{hint}."
        )
    if y is not None:
        raise ValueError(
            f"y is given beside the formula {formula!r}, which names the target; leave y out."
        )
    if not is_frame(options.data):
        raise TypeError(
            f"data is a {type(options.data).__name__}; expected a frame of pandas, polars or "
            "pyarrow."
        )
    if options.dates is not None or options.missing == "indicator":
        name = "dates" if options.dates is not None else "missing='indicator'"
        raise ValueError(
            f"{name} is for a frame as X; in a formula write what is to be done, such as "
            "date.dt.year or x.fillna(0)."
        )
    feature_names_of(options.data, "data")  # raises for names that occur twice


def _parsed(formula: str, data: Any) -> Any:
    try:
        from formulaic import Formula, SimpleFormula
    except ImportError:
        raise ImportError("Formulas need formulaic: pip install 'softreg_fast[formula]'.") from None
    context = {"__formulaic_variables_available__": list(map(str, labels_in(data)))}
    parsed = _evaluated(formula, lambda: Formula(formula, _context=context))
    if not hasattr(parsed, "lhs"):
        raise ValueError(
            f"The formula {formula!r} has no target; write it on the left of ~, as in 'y ~ x'."
        )
    if not isinstance(parsed.rhs, SimpleFormula) or not isinstance(parsed.lhs, SimpleFormula):
        raise ValueError(f"The formula {formula!r} has several parts; write one, without '|'.")
    return parsed


def _evaluated(formula: str, made: Callable[[], Any]) -> Any:
    # what formulaic makes, with its errors in one sentence; those of the user's code, too
    try:
        return made()
    except Exception as error:
        text = " ".join(str(error).split())
        raise ValueError(
            f"The formula {formula!r} cannot be evaluated ({text}); check it and the columns that "
            "it names."
        ) from error


def _variables(terms: Any, data: Any) -> list[str]:
    # names of the columns that the terms use, and of what is no column
    known = set(map(str, labels_in(data)))
    found: dict[str, None] = {}
    for term in terms:
        for factor in term.factors:
            for name in _names_in(factor):
                found[name if name in known else name.partition(".")[0]] = None
    return list(found)


def _names_in(factor: Any) -> list[str]:
    # of columns and of what is no function of formulaic
    from formulaic.parser.types import Factor
    from formulaic.transforms import TRANSFORMS
    from formulaic.utils.variables import get_required_variables

    if factor.eval_method == Factor.EvalMethod.LOOKUP:
        return [factor.expr]
    if factor.eval_method != Factor.EvalMethod.PYTHON:
        return []
    try:
        names = map(str, get_required_variables(factor.expr, {}))
        return sorted(name for name in names if name.partition(".")[0] not in TRANSFORMS)
    except SyntaxError:  # which is told when it is evaluated
        return []


def _check_names(formula: str, names: Any, frame: Any) -> None:
    labels = labels_in(frame)
    if unknown := [name for name in dict.fromkeys(names) if name not in set(labels)]:
        close = suggestion(unknown[0], labels)
        raise ValueError(
            f"The formula {formula!r} names {listed(unknown)}, which is neither a column of the "
            f"table nor a function of formulaic; " + (close or f"the columns are {listed(labels)}.")
        )


def _check_missing(frame: Any, names: Any) -> None:
    labels = list(labels_in(frame))
    counts = {
        name: n
        for name in dict.fromkeys(names)
        if (n := int(np.count_nonzero(missing_in(column_at(frame, labels.index(name))))))
    }
    if counts:
        raise ValueError(
            f"Values are missing in the column{'s' * (len(counts) > 1)} {counted(counts)} "
            "that the formula uses; leave out such rows, as missing='drop' does in a fit."
        )


def _as_pandas(frame: Any, names: Any) -> Any:
    # the columns that are used, numbered from 0
    chosen = frame[list(names)] if hasattr(frame, "iloc") else frame.select(list(names)).to_pandas()
    return chosen.reset_index(drop=True)


def _features(found: Any, own: list[int]) -> Any:
    matrix = sp.csc_array(found)[:, own]
    if matrix.nnz >= DENSE_FROM * matrix.shape[0] * matrix.shape[1]:
        return matrix.toarray(order="F").astype(np.float64, copy=False)
    return matrix.astype(np.float64, copy=False)


def _target(formula: str, target: Any, data: Any, frame: Any) -> Any:
    # a column as it is, for labels of classes; an expression as numbers
    name = str(target[0]) if len(target) == 1 else None
    labels = list(map(str, labels_in(data)))
    if name in labels:
        return column_at(data, labels.index(name))
    spec = {"output": "numpy", "ensure_full_rank": False, "na_action": "ignore"}
    found = np.asarray(_evaluated(formula, lambda: target.get_model_matrix(frame, **spec)))
    return found[:, 0] if found.shape[1] == 1 else found
