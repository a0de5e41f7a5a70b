"""
Survival by predicted risk
==========================

Kaplan-Meier curves of three groups of patients, by the risk that a Cox model predicts for them
without having seen them. The patients are simulated.
"""

import numpy as np

import softreg_fast as sf

rng = np.random.default_rng(0)
X = rng.standard_normal((400, 30))
risk = X[:, :4] @ [0.7, -0.7, 0.5, 0.5]
death, censored = 500 * rng.exponential(np.exp(-risk)), rng.exponential(900, 400)
days, died = np.minimum(death, censored), death <= censored

found = sf.cv_path(X, sf.survival(days, died), loss="cox", cv=5, rule="1se")
sf.SurvivalDisplay.from_predictions(days, died, found.predictions)
