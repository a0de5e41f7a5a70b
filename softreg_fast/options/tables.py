"""pandas, for the labelled forms of results."""

from __future__ import annotations

from typing import Any


def pandas_for(what: str) -> Any:
    """Return the module pandas; `what` needs it.

    Raises
    ------
    ImportError
        If it is not installed; the text names the extra that installs it.
    """
    try:
        import pandas
    except ImportError:
        raise ImportError(
            f"{what} needs pandas: pip install 'softreg_fast[tables]'; coef_at and the attributes "
            "of results are plain arrays."
        ) from None
    return pandas
