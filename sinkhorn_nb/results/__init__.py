"""What a solve returns: solutions, plans, divergences, certificates and their texts."""
