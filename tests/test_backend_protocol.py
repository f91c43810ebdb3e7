"""Every backend answers every question of the protocol, with the arguments named there."""

from inspect import Parameter, getmembers, isfunction, signature

import pytest

from sinkhorn_nb.backends import base
from sinkhorn_nb.backends.cluster_sums import HostClusterSums
from sinkhorn_nb.backends.cpu.backend import CpuBackend
from sinkhorn_nb.backends.cpu.matrix_backend import MatrixBackend
from sinkhorn_nb.backends.cuda.backend import CudaBackend, CudaClusterSums
from sinkhorn_nb.backends.fallback import FallbackBackend, FallbackClusterSums
from sinkhorn_nb.backends.sharded import ShardedBackend, ShardedClusterSums

BACKENDS = CpuBackend, MatrixBackend, CudaBackend, FallbackBackend, ShardedBackend
SUMS = HostClusterSums, CudaClusterSums, FallbackClusterSums, ShardedClusterSums
MEMBERS = [
    *((kind, base.Backend) for kind in BACKENDS),
    *((kind, base.PointBackend) for kind in BACKENDS if kind is not MatrixBackend),
    *((kind, base.DeviceBackend) for kind in (CudaBackend, ShardedBackend)),
    *((kind, base.ClusterSums) for kind in SUMS),
]


def questions(protocol):
    """The names and signatures of the methods of a protocol."""
    methods = getmembers(protocol, isfunction)
    own = [name for name, _ in methods if name == "__array__" or not name.startswith("_")]
    return {name: arguments(getattr(protocol, name)) for name in own}


def arguments(function):
    """Names of the arguments, and those of them that may be left out."""
    given = [p for p in signature(function).parameters.values() if p.name != "self"]
    return [p.name for p in given], {p.name for p in given if p.default is not Parameter.empty}


@pytest.mark.parametrize(("kind", "protocol"), MEMBERS)
def test_every_question_is_answered(kind, protocol):
    assert questions(protocol)
    for name, (asked, may_miss) in questions(protocol).items():
        method = getattr(kind, name)
        if isfunction(method):  # others are contexts without arguments
            names, optional = arguments(method)
            assert names[: len(asked)] == asked, name
            assert may_miss | set(names[len(asked) :]) <= optional, name


@pytest.mark.parametrize("kind", BACKENDS)
def test_no_backend_has_a_public_name_that_no_protocol_has(kind):
    protocols = base.Backend, base.PointBackend, base.DeviceBackend
    known = {name for each in protocols for name in dir(each)}
    assert {name for name in dir(kind) if not name.startswith("_")} <= known | {"points_a_tile"}
