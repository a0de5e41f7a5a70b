"""Train a small Keras network that selects the inputs and units it needs.

1000 samples of 10 inputs, of which 3 matter. Dense(64, relu), Dense(1), Adam, 100 epochs, batches
of 32, mean squared error; and three lines changed, marked with ***, which make unused inputs and
units zero.

Run it:  python examples/keras_sparse_dense.py     (Keras: pip install softreg_fast[keras] torch)
"""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")  # or "tensorflow" or "jax"

import keras
import numpy as np

from softreg_fast.nn.keras import GroupLasso, ProxAdam, SparsityMonitor

EPOCHS = 100
BATCH = 32
STRENGTH = 0.01


def make_data(rng):
    """Return ten inputs and a target that is a nonlinear function of the first three."""
    X = rng.standard_normal((1000, 10))
    y = X[:, 0] - 2.0 * X[:, 1] + np.maximum(X[:, 2], 0.0)
    return X, (y + 0.1 * rng.standard_normal(1000))[:, None]


def train(strength):
    """Return the trained model, its error on new data, and the zeros after every epoch."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    X, y = make_data(rng)
    new_X, new_y = make_data(rng)
    columns = GroupLasso(strength=strength, groups="inputs")  # *** all weights of an input together
    hidden = keras.layers.Dense(64, activation="relu", kernel_regularizer=columns)  # ***
    output = keras.layers.Dense(1, kernel_regularizer=columns)  # *** inputs: hidden units
    model = keras.Sequential([keras.Input((10,)), hidden, output])
    model.compile(ProxAdam(3e-3, start=100), loss="mse")  # *** instead of Adam(3e-3)
    monitor = SparsityMonitor()
    history = model.fit(X, y, BATCH, EPOCHS, verbose=0, callbacks=[monitor]).history
    error = np.mean((model.predict(new_X, verbose=0) - new_y) ** 2)
    return model, float(error), history["zeros"]


def main():
    """Train a dense and a sparse network; return both results of `train`."""
    made = []
    for strength in (0.0, STRENGTH):
        model, error, zeros = train(strength)
        first, second = (keras.ops.convert_to_numpy(layer.kernel) for layer in model.layers)
        inputs = (first != 0).any(1)
        units = (second != 0).any(1)
        used = first[inputs][:, units]
        print(f"strength {strength}")
        print(f"  squared error on new data  {error:.4f}")
        print(f"  inputs used                {np.flatnonzero(inputs).tolist()}")
        print(f"  hidden units used          {int(units.sum())} of 64")
        print(f"  weights used               {used.size + int(units.sum())} of {10 * 64 + 64}")
        made.append((model, error, zeros))
    return made


if __name__ == "__main__":
    main()
