"""What is compared: measures, many clouds at a time, their order in memory, and the files they come
from.
"""
