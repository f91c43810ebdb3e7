"""Counts of what the library treats: pairs, by its ledger and by a backend's own account, clouds and
gradients.
"""

from collections import Counter

from sinkhorn_nb import Sinkhorn, functional
from sinkhorn_nb.backends.cpu.backend import CpuBackend
from sinkhorn_nb.kernels import few_pairs
from sinkhorn_nb.kernels import pairs as kernels_of_pairs
from sinkhorn_nb.kernels.ledger import counting
from sinkhorn_nb.kernels.point_cloud import GibbsKernel
from sinkhorn_nb.kernels.side import Side
from sinkhorn_nb.results.one_sided import gradient_in


def start_and_passes(initializer, problem):
    """f and g in the order of the partitions, and the passes they took."""
    with counting() as ledger:
        f, g = initializer(problem, Sinkhorn())
    return f, g, problem.passes(ledger)


def pairs_visited(patch):
    """The pairs that the CPU visits from now on, by (n, m, dtype)."""
    pairs = Counter()

    def replace(owner, name, count):
        method = getattr(owner, name)

        def counted(self, *arguments, **options):
            count(*arguments)
            return method(self, *arguments, **options)

        patch.setattr(owner, name, counted)

    def count(x, y):
        pairs[x.n, y.n, x.dtype.name] += x.n * y.n

    def count_half(x, *_):
        pairs[x.n, x.n, x.dtype.name] += x.n**2 / 2

    def count_heavy(number):
        pairs[None, None, "heavy pairs"] += number

    for question in ("sums", "cluster_sums", "heavy_pairs"):
        replace(CpuBackend, question, lambda x, F, a, y, *_: count(x, y))
    for question in ("row_sums", "log_sum_exp", "transport"):
        replace(CpuBackend, question, lambda x, F, y, *_: count(x, y))
    for name in ("softmin_of_few", "count_of_few"):
        question = getattr(few_pairs, name)

        def asked(x, *arguments, question=question):
            y = next(each for each in arguments if isinstance(each, Side))
            pairs[len(x.points), len(y.points), "NumPy"] += len(x.points) * len(y.points)
            return question(x, *arguments)

        patch.setattr(kernels_of_pairs, name, asked)
    replace(CpuBackend, "self_sums", count_half)
    replace(GibbsKernel, "count_pairs", count_heavy)
    return pairs


def clouds_compared(patch):
    """The numbers of different clouds on either side of each batch of divergences from now on."""
    seen = []
    solve = functional.sinkhorn_divergences

    def watched(xs, ys, *weights, **options):
        seen.append((len({id(x) for x in xs}), len({id(y) for y in ys})))
        return solve(xs, ys, *weights, **options)

    patch.setattr(functional, "sinkhorn_divergences", watched)
    return seen


def sides_of_gradients(patch, module):
    """The sides in whose points a module asks for gradients from now on."""
    asked = []

    def watched(result, sides):
        asked.append(tuple(sides))
        return gradient_in(result, sides)

    patch.setattr(module, "gradient_in", watched)
    return asked
