"""
Stability selection
===================

How often each of 500 features enters the path in 100 halves of the samples. Those above the
threshold are selected, with a bound on the expected number of false ones among them.
"""

import numpy as np

import softreg_fast as sf

rng = np.random.default_rng(0)
X = rng.standard_normal((120, 500))
y = X[:, :5] @ [1.5, -1.5, 1.0, -1.0, 0.8] + rng.standard_normal(120)

stable = sf.stability_path(X, y, random_state=0)
sf.StabilityDisplay.from_path(stable)
print(stable)
