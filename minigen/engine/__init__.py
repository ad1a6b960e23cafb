"""Automatic differentiation.

Read backend, tape, ops, shapes, conv, anomaly and numpy_protocol in this order; skip fast/ at first.
"""
