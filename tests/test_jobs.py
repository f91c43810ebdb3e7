"""Blocks of pairs in threads, in processes and on a cluster: the same bits, one warning, and Ctrl-C
ends them.
"""

import os
import pickle
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numba
import numpy as np
import pytest
from joblib import parallel_config
from problems import cloud

import sinkhorn_nb as snb
from sinkhorn_nb.backends.cpu import threads
from sinkhorn_nb.losses.jobs import Parcel, spread

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
SETUP = """
import conftest, os, re, signal, sys, threading, time, warnings
import joblib, numpy as np
import sinkhorn_nb as snb
from problems import cloud

CLOUDS = [cloud(n, 2, shift=0.3 * k) for k, n in enumerate((23, 1, 31, 12, 40, 9, 17))]

def table(**options):
    return snb.pairwise_sinkhorn_divergence(CLOUDS, **{"blur": 0.3} | options)
"""


def table(**options):
    clouds = [cloud(n, 2, shift=0.3 * k) for k, n in enumerate((23, 1, 31, 12, 40, 9, 17))]
    return snb.pairwise_sinkhorn_divergence(clouds, **{"blur": 0.3} | options)


def run(code, **options):
    """Run the code in a process of its own, in which no kernel is compiled: its workers load the
    same ones.
    """
    table()
    done = subprocess.run(
        [sys.executable, "-c", SETUP + textwrap.dedent(code)],
        cwd=HERE,
        env=os.environ | {"PYTHONPATH": str(Path(snb.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=300,
        **options,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_threads_give_the_same_bits():
    expected = table().tolist()
    with parallel_config("threading"):
        assert table(n_jobs=3).tolist() == expected
        with pytest.warns(snb.ConvergenceWarning) as caught:
            table(n_jobs=3, solver=snb.Sinkhorn(tol=1e-12, max_iter=2))
    assert len(caught) == 1 and caught[0].filename == __file__


def test_processes_give_the_same_bits_and_one_warning():
    done = run("""
    expected = table().tolist()
    assert table(n_jobs=2).tolist() == expected
    with joblib.parallel_config("loky", n_jobs=2):
        assert table().tolist() == expected
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table(n_jobs=2, solver=snb.Sinkhorn(tol=1e-12, max_iter=2))
    assert len(caught) == 1 and "21 of 21 divergences have not converged" in str(caught[0].message), caught
    """)
    assert "Warning" not in done.stderr


def test_backends_that_answer_all_at_once_give_the_same_bits():
    """The backends of multiprocessing and of Ray are like this."""
    run("""
    with joblib.parallel_config("multiprocessing", n_jobs=2):
        assert table(progress=True).tolist() == table(n_jobs=1).tolist()
    """)


def test_errors_of_a_worker_come_through():
    run("""
    def fail(iteration):
        raise OSError("enough")

    solver = snb.Sinkhorn(callback=fail)
    for n_jobs in (1, 2):
        try:
            table(n_jobs=n_jobs, solver=solver)
            raise SystemExit("no error")
        except OSError as error:
            assert str(error) == "enough"
    assert table(n_jobs=2).tolist() == table().tolist()
    """)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_after_an_interruption_all_work_as_before(n_jobs):
    """Ctrl-C reaches the workers as well."""
    run(
        f"""
        expected = table(n_jobs={n_jobs}).tolist()
        slow = snb.Sinkhorn(tol=1e-12, max_iter=10**7, acceleration="none")
        interrupt = threading.Timer(1.0, os.killpg, (0, signal.SIGINT))
        interrupt.start()
        try:
            table(n_jobs={n_jobs}, blur=1e-4, solver=slow, progress=True)
            raise SystemExit("no interruption")
        except KeyboardInterrupt:
            pass
        assert table(n_jobs={n_jobs}).tolist() == expected
        """,
        start_new_session=True,
    )


def test_a_cluster_gives_the_same_bits_and_one_warning():
    pytest.importorskip("distributed", reason="Dask is not installed")
    run("""
    from distributed import Client, LocalCluster

    if __name__ == "__main__":
        expected = table().tolist()
        cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True)
        with cluster, Client(cluster), joblib.parallel_config("dask"):
            assert table(progress=True).tolist() == expected
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                table(solver=snb.Sinkhorn(tol=1e-12, max_iter=2))
            ours = [w for w in caught if w.category is snb.ConvergenceWarning]
            assert len(ours) == 1 and "21 of 21 divergences" in str(ours[0].message), ours
    """)


def test_what_arrives_in_another_process_can_be_written_to():
    """Without buffers out of band, of which Dask makes read-only arrays."""
    x, buffers = np.arange(200_000.0), []
    data = pickle.dumps(Parcel(x, [x]), protocol=5, buffer_callback=buffers.append)
    there, (again,) = pickle.loads(data).contents
    assert buffers == []
    assert there.flags.writeable and there is again
    np.testing.assert_array_equal(there, x)


def test_jobs_share_the_threads():
    n_threads = threads.count()
    assert n_threads == numba.get_num_threads() >= 2
    for n_jobs, share in ((1, n_threads), (n_threads, 1), (2 * n_threads, 1)):
        with parallel_config("threading", n_jobs=n_jobs):
            answers = list(spread(lambda: (threads.count(),), [()] * 5, None))
        assert [answer.contents for answer in answers] == [(share,)] * 5
    assert threads.count() == n_threads


def test_a_job_with_one_thread_starts_no_other():
    seen = set()
    with threads.at_most(1):
        threads.run(lambda p: seen.add(threading.get_ident()), [(p,) for p in range(8)])
        with threads.at_most(5):
            assert threads.count() == 1
    assert seen == {threading.get_ident()}
    assert threads.count() == numba.get_num_threads()


def test_tasks_are_made_when_there_is_a_job_for_them():
    made = []
    answers = spread(lambda k: (k,), ((made.append(k) or k,) for k in range(100)), 1)
    assert next(answers).contents == (0,)
    answers.close()
    assert len(made) < 10
