"""The members on the page of a class; without an entry, all that have docstrings."""

# Attributes of classes link to the properties of these names, so that they are shown, too
_WORK = "converged, n_iter, n_passes, marginal_error"

MEMBERS = {
    "BatchAligner": "fit, transform, fit_transform",
    "CompressedDivergence": "value_error",
    "CompressedSolution": "value_error",
    "CellSums": "of, coarser, nodes",
    "Divergence": f"value, potentials, gap, gradient, hessian_vector_product, on_host, {_WORK}",
    "Divergences": f"value, {_WORK}",
    "EntropicAligner": "fit, transform, inverse_transform, score",
    "EntropicQuantileTransformer": "fit, transform, inverse_transform",
    "HausdorffDivergence": f"value, gradient, {_WORK}",
    "MMD": "value, gradient",
    "Measure": "of, from_chunks",
    "Negentropy": f"value, gradient, {_WORK}",
    "Plan": "shape, T, dot, sum, row, block, topk, toarray, sample, normalized_entropy",
    "Sinkhorn": "solve, get_params",
    "SinkhornDriftDetector": "fit, test, update, score, plot",
    "SinkhornKMeans": "fit, predict, transform",
    "SoftValues": "values, pullback",
    "Solution": "message, gap, T, plan, sample, transport_cost, potential, potential_back, map, "
    f"map_back, gradient, pullback, pushforward, hessian_vector_product, on_host, {_WORK}",
}
