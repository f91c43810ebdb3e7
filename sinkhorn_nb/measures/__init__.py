"""Measures: points and weights, many clouds at a time, their order in memory, and the files they
come from.
"""
