"""The colors of all pictures: blue is where the mass comes from, orange is where it goes."""

from __future__ import annotations

SOURCE, TARGET = "#2f6fc4", "#e07b2a"
GREY, INK = "#c9ced6", "#30343b"
ACCENT = "#d6492a"
THIRD = "#2c8c5a"
SERIES = (SOURCE, TARGET, THIRD, "#8e5bb5", INK, "#b08d2e")  # curves and classes, in this order
COLORMAP = "turbo"
DIVERGING = "RdYlBu_r"  # numbers of both signs, blue below zero
