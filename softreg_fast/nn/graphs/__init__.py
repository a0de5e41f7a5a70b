"""PyTorch models as graphs of calls, read by compaction, plans and exports.

tracing.py takes the graph, operations.py says what is known of each operation, calls.py resolves
the nodes and walks through them. To support one more operation, give it a row in
`operations.TABLE`: a family that compaction has a rule for (compaction/function_rules.py,
layer_rules.py) is followed at once; plans and exports need a conversion to layers
(deployment/conversions.py).
"""
