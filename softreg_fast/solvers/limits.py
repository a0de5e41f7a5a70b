"""Sizes at which one solver or one form of X becomes cheaper than another; all were measured."""

# precompute="auto" builds the whole Gram matrix when there are no more features than samples: up to
# LARGEST_EARLY_GRAM features at the start, up to LARGEST_AUTO_GRAM (128 MiB) once the share
# DENSE_SUPPORT of the features has become nonzero.
LARGEST_EARLY_GRAM = 500
LARGEST_AUTO_GRAM = 4_000
DENSE_SUPPORT = 0.125

# For a single alpha only up to this size, where it is cheap compared with the scans it saves.
LARGEST_SINGLE_GRAM = 300

# "auto" factorises for a ridge problem if the smaller side of X is at most this.
LARGEST_AUTO_FACTOR = 3_000

# Bytes for Gram columns and the factor of the support; beyond, plain coordinate descent on the
# residual takes over.
GRAM_MEMORY = float(1 << 30)

# With several tasks, a Newton step on ROWS_PER_ROOT times sqrt(n_samples * n_tasks) rows costs
# about ten epochs on the residuals; on FEWEST_ROWS rows it costs almost nothing.
ROWS_PER_ROOT = 10.0
FEWEST_ROWS = 200

# Epochs that all Newton steps together may cost in that case; their cost grows with the square of
# the number of rows.
EPOCHS_BEFORE_NEWTON = 200

# A cold start at a small alpha approaches it by the factor DESCENT per step; by FAST_DESCENT while
# there are fewer nonzero coefficients than FEW_NONZEROS times the samples, which makes the next
# features to enter easy to predict; and by STEEP_DESCENT with SAMPLES_FOR_STEEP_DESCENT or more
# samples per feature, where a scan of X costs more than a wrongly added slot.
DESCENT = 0.75
FAST_DESCENT = 0.5
FEW_NONZEROS = 0.02
STEEP_DESCENT = 0.3
SAMPLES_FOR_STEEP_DESCENT = 10

# An elastic net with an l1 strength below FAR times the last one is limited to EPOCHS_FROM_AFAR
# epochs before it is restarted as from a cold start: with many wrong slots descent can take
# thousands.
FAR = 0.05
EPOCHS_FROM_AFAR = 300
