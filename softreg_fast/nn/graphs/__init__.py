"""PyTorch models as graphs of operations."""
