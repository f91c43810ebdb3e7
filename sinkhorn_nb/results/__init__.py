"""Results of a solve: solutions, plans, divergences, certificates and their texts."""
