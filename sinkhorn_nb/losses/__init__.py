"""The quantities that users compute: divergences of one pair, of many pairs, of a table, and soft
sorting.
"""
