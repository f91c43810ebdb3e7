"""Gibbs kernels: sums over all pairs of points, which are never stored."""
