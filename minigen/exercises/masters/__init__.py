"""The thirty exercises: one file each, with its statement,
its solution and the mistakes people make in it.
"""
