"""Solvers: one problem at one strength of the penalty, with a certificate."""
