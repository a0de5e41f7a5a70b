"""Trained networks on the CPU: plans of compiled steps, C headers, ONNX files."""
