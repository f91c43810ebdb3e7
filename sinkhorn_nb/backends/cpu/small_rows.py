"""Gradients of small divergences per row of the caller, from those per point of the problems."""

from typing import Any, NamedTuple

import numpy as np

from ..jit import inlined, plain_kernel
from ..normal_forms import ends_of


class Potentials(NamedTuple):
    """The part of `Answers` that gradients need: fewer arrays are sooner passed to a kernel."""

    u: Any
    v: Any
    logs: Any
    u_ends: Any
    v_ends: Any

    @classmethod
    def of(cls, answers):
        """The potentials of some answers."""
        return cls(answers.u, answers.v, answers.logs, answers.u_ends, answers.v_ends)


class Pairs(NamedTuple):
    """Pairs of clouds with the answers for them and for each cloud with itself."""

    sources: Any
    targets: Any
    are_turned: Any  # whether the problem from the target to the source was solved
    are_wanted: Any
    same: Any  # the number of the cloud that represents each cloud in self problems
    cross: Any  # Potentials
    own: Any  # Potentials
    rates: Any  # of the first and the second cloud of each problem
    unit: Any  # the cost that is one bit


class Slopes(NamedTuple):
    """Derivatives of values per probability of a point, for the first and the second clouds of all
    problems, and for clouds with themselves.
    """

    first: Any
    second: Any
    own: Any


class Factors(NamedTuple):
    """The fields of a `Scaling` for each pair, the factor of each cloud with itself, and the masses
    of the clouds.
    """

    mass: Any
    of_f: Any
    of_g: Any
    own_mass: Any
    own_shift: Any
    masses: Any


class RowGradients(NamedTuple):
    """Derivatives in embedded points, and potentials of the pairs (of balanced ones: derivatives in
    the weights) and of the clouds with themselves, per row; each array has the rows of one pair
    after another.
    """

    x: Any
    y: Any
    f: Any
    g: Any
    own_f: Any
    own_g: Any
    x_ends: Any
    y_ends: Any


@inlined
def _middle(forms, pairs, q, first, second):
    """Half of <a, u> - <b, v> for problem q from cloud `first` to cloud `second`."""
    cross = pairs.cross
    u_start = cross.u_ends[q]
    v_start = cross.v_ends[q]
    a_start = forms.ends[pairs.same[first]]
    b_start = forms.ends[pairs.same[second]]
    total = 0.0
    for i in range(cross.u_ends[q + 1] - u_start):
        ai = forms.a[a_start + i]
        total += ai * cross.u[u_start + i]
    for j in range(cross.v_ends[q + 1] - v_start):
        bj = forms.a[b_start + j]
        total -= bj * cross.v[v_start + j]
    return total / 2.0


@inlined
def _write_rows(forms, rows, d, c, slopes, own_slopes, factors, on_points):
    """The derivatives in the rows of one cloud, from slices at its first point."""
    (mass, own_mass, whole) = factors
    start = rows.ends[c]
    n_rows = rows.ends[c + 1] - start
    for r in range(n_rows):
        point = max(forms.owners[start + r], 0)
        share = rows.weights[start + r] / whole
        for k in range(d):
            place = point * d + k
            on_pair = mass * slopes[place]
            on_own = own_mass * own_slopes[place]
            on_points[r * d + k] = share * (on_pair - on_own)


@inlined
def _add_constant(rows, pairs, q, value, mass, out):
    """Turn f into the derivative in the weights of a balanced divergence, with the constant for
    which their pairing with the weights is the value.
    """
    pairing = 0.0
    for side in range(2):
        of_side = 0.0  # the same bits for (b, a)
        c = pairs.targets[q] if side else pairs.sources[q]
        start = out.y_ends[q] if side else out.x_ends[q]
        f = out.g if side else out.f
        own_f = out.own_g if side else out.own_f
        first = rows.ends[c]
        n_rows = rows.ends[c + 1] - first
        for r in range(n_rows):
            f[start + r] -= own_f[start + r]
        for r in range(n_rows):
            weight = rows.weights[first + r]
            of_side += weight * f[start + r]
        pairing += of_side
    constant = (value - pairing) / (2.0 * mass)
    for r in range(out.x_ends[q], out.x_ends[q + 1]):
        out.f[r] += constant
    for r in range(out.y_ends[q], out.y_ends[q + 1]):
        out.g[r] += constant


@plain_kernel
def write_row_gradients(forms, rows, pairs, values, slopes, factors, out):
    """Write the derivatives of all pairs that are wanted in the embedded points; those of balanced
    pairs in the weights, too, and of others the potentials.
    """
    d = forms.dimensions[0]
    cross = pairs.cross
    own = pairs.own
    unit = pairs.unit
    for q in range(len(pairs.sources)):
        if not pairs.are_wanted[q]:
            continue
        turned = pairs.are_turned[q]
        i = cross.u_ends[q]
        j = cross.v_ends[q]
        source = pairs.sources[q]
        target = pairs.targets[q]
        second_rate = pairs.rates[q, 1]
        is_exact = pairs.rates[q, 0] + second_rate == 0.0
        first = target if turned else source
        second = source if turned else target
        middle = _middle(forms, pairs, q, first, second) if is_exact else 0.0

        for side in range(2):
            c = target if side else source
            start = out.y_ends[q] if side else out.x_ends[q]
            k = forms.ends[pairs.same[c]]
            on_points = out.y if side else out.x
            f = out.g if side else out.f
            own_f = out.own_g if side else out.own_f
            shift = factors.of_g[q] if side else factors.of_f[q]
            is_first = (side == 0) != turned
            on_pair = slopes.first[i * d :] if is_first else slopes.second[j * d :]
            scales = factors.mass[q], factors.own_mass[c], factors.masses[c]
            on_own = slopes.own[k * d :]
            own_shift = factors.own_shift[c]
            first_row = rows.ends[c]
            n_rows = rows.ends[c + 1] - first_row
            _write_rows(forms, rows, d, c, on_pair, on_own, scales, on_points[start * d :])

            for r in range(n_rows):
                point = max(forms.owners[first_row + r], 0)
                if is_first:
                    potential = cross.u[i + point] - middle
                else:
                    log = cross.logs[j + point] / (1.0 + second_rate)
                    potential = cross.v[j + point] - log + middle
                own_potential = own.u[k + point]
                f[start + r] = unit * potential - shift
                own_f[start + r] = unit * own_potential - own_shift
        if is_exact:
            _add_constant(rows, pairs, q, values[q], factors.mass[q], out)


def row_gradients(forms, rows, pairs, values, slopes, factors):
    """The gradients that `write_row_gradients` writes; zeros for pairs that are not wanted."""
    sizes = rows.ends[1:] - rows.ends[:-1]
    ends = [ends_of(sizes[numbers]) for numbers in (pairs.sources, pairs.targets)]
    counts = [int(each[-1]) for each in ends]
    d = int(forms.dimensions[0])
    points = (np.zeros(d * count) for count in counts)
    potentials = (np.zeros(count) for count in (*counts, *counts))
    out = RowGradients(*points, *potentials, *ends)
    write_row_gradients(forms, rows, pairs, values, slopes, factors, out)
    return out
