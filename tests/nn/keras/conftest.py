"""Fixtures of every test of Keras."""

import os

import pytest


@pytest.fixture(autouse=True)
def seeded(seed):
    """Seed Keras's generators, and use one thread, as in small trainings."""
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(seed)
    if os.environ["KERAS_BACKEND"] == "torch":
        import torch

        torch.set_num_threads(1)
