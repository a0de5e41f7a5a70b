"""Choice of the penalty: cross-validation, criteria, stability selection."""
