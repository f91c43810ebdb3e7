"""Compressed measures: large clouds are solved between few weighted nodes."""
