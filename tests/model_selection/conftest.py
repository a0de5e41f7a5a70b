"""Data for tests of cross-validation and criteria."""

import problems
import pytest


@pytest.fixture(params=problems.KINDS)
def data(request, rng):
    """Return (X, y): tall, wide, sparse."""
    return problems.make_kind(rng, request.param)
