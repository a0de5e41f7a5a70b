"""Tables, plots and pages of the commands."""
