"""Kernels write the pairs that they treat, and whoever opens a ledger reads them."""

from threading import Thread

import numpy as np
import pytest

from sinkhorn_nb import Grid, Sinkhorn, entropic_ot
from sinkhorn_nb.costs import SQUARED_EUCLIDEAN
from sinkhorn_nb.kernels.choice import kernel_of, pairs_per_pass
from sinkhorn_nb.kernels.ledger import Ledger, count_pairs, counting
from sinkhorn_nb.measures.lattice import Lattice
from sinkhorn_nb.measures.pixels import GridOrder


def test_all_open_ledgers_get_the_pairs_and_closed_ones_do_not():
    with counting() as outer:
        count_pairs(1)
        with counting() as inner:
            Ledger().write(2)
        count_pairs(4)
    count_pairs(8)
    assert (outer.pairs, inner.pairs) == (7, 2)


def test_an_error_closes_the_ledger():
    with counting() as outer:
        with pytest.raises(KeyError), counting() as inner:
            raise KeyError
        count_pairs(1)
    assert (outer.pairs, inner.pairs) == (1, 0)


def test_pairs_of_other_threads_are_not_counted():
    with counting() as ledger:
        thread = Thread(target=count_pairs, args=[1])
        thread.start()
        thread.join()
    assert ledger.pairs == 0


def test_two_sweeps_between_grids_are_one_pass():
    lattices = [Lattice(shape, (1.0, 1.0), (0.0, 0.0)) for shape in ((5, 4), (3, 7))]
    x, y = (GridOrder(each, each.points, np.ones(each.size)) for each in lattices)
    with counting() as ledger:
        kernel = kernel_of(x, y, 1.0, "float64", "cpu", SQUARED_EUCLIDEAN)
        kernel.log_sums(np.zeros(20), np.zeros(21))
        kernel.T.log_row_sums(np.zeros(21), np.zeros(20))
    assert ledger.pairs / pairs_per_pass(x, y) == kernel.n_passes == 1.5


@pytest.mark.parametrize(
    "options",
    [{"blur": 2.0}, {"blur": 2.0, "p": 1}, {"eps": 2.0, "cost": "cityblock"}],
    ids=str,
)
def test_passes_between_images_are_counted_for_every_cost(options):
    """Costs differ in how sums are made, and each way must write to the ledger."""
    images = np.random.default_rng(0).random((2, 40, 40)) + 0.1
    x, y = (Grid(image / image.sum()) for image in images)
    solution = entropic_ot(x, y, **options, solver=Sinkhorn(init="zeros", tol=0.1))
    assert solution.n_passes >= solution.n_iter >= 1
