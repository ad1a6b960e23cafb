"""How arrays are multiplied fast: threads, matrix products in place of convolutions, memory.

Nothing here is needed to understand a gradient.
"""
