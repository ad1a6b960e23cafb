"""How arrays are multiplied and added fast, and a step is repeated: threads, convolutions as products,
sums of rows, memory, replay.

Nothing here is needed to understand a gradient.
"""
