"""Compare the claims of a Solution or a Divergence with the truth; failures are (kind, words)."""

import numpy as np
from truth import State

import sinkhorn_nb as snb


def judge_solution(name, solution, problem, scene):
    """Yield all failures of one solution."""
    numbers = {"f": solution.f, "g": solution.g, "value": solution.value, "gap": solution.gap}
    numbers["marginal_error"] = solution.marginal_error
    bad = [key for key, number in numbers.items() if not np.isfinite(number).all()]
    if bad:
        yield "not finite", f"{name}: {', '.join(bad)}: expected finite numbers"
        return
    state = State(scene, solution.f, solution.g, solution.dtype)
    yield from _status(name, solution, problem, state)
    yield from _value(name, solution, scene, state, problem.settings.get("certify"))
    yield from _plan(name, solution, state)
    yield from _maps(name, solution, scene, state)
    yield from _gradient(name, solution, scene, state)


def _status(name, solution, problem, state):
    tol, settings = solution.tol, problem.settings
    slack = state.rho_pairs * (2 + state.error) + 1e-12
    if not abs(solution.marginal_error - state.error) <= slack:
        yield (
            "marginal_error",
            f"{name}: expected {state.error:.4e} +- {slack:.1e}, got {solution.marginal_error:.4e}",
        )
    if solution.converged and not state.error <= tol + slack:
        yield "converged", f"{name}: expected a marginal error <= {tol:.1e}, got {state.error:.4e}"
    told = settings.get("certify") or solution.status is snb.Status.UNSETTLED
    if not solution.converged and solution.marginal_error <= tol and not told:
        yield (
            "converged",
            f"{name}: expected True at {solution.marginal_error:.2e} <= {tol:.2e}, got False",
        )
    if solution.n_iter > settings["max_iter"]:
        yield (
            "max_iter",
            f"{name}: expected n_iter <= {settings['max_iter']}, got {solution.n_iter}",
        )
    scene = state.scene
    for side, logs, alone in (
        ("f", state.log_rows, scene.alone),
        ("g", state.log_columns, scene.T.alone),
    ):
        inert = np.abs(logs[alone]).max(initial=0)
        if not inert <= slack + 1e-9:
            yield (
                "inert",
                f"{name}: expected the softmin at points of weight 0, got {side} off by {inert:.2e} "
                "eps",
            )


def _value(name, solution, scene, state, certify):
    value, gap = solution.value / scene.unit - scene.mass_term, solution.gap / scene.unit
    true = scene.bracket(solution)
    slack = 16 * 2.0**-53 * (abs(solution.value) / scene.unit + abs(scene.mass_term))
    if not value <= true.upper + state.rho_pairs + slack:
        yield (
            "value",
            f"{name}: expected <= {true.upper:.12g} eps, got {value:.12g}: above by "
            f"{value - true.upper:.2e}",
        )
    if not true.lower - state.rho - slack <= value + gap:
        yield "gap", f"{name}: expected >= {true.lower - value:.3e} eps, got {gap:.3e}"
    scale = max(abs(solution.value) / scene.unit, 1.0)
    if certify and solution.converged and gap > solution.tol * scale * (1 + 1e-9):
        yield (
            "certify",
            f"{name}: expected a gap <= {solution.tol:.1e} of {scale:.3e} eps, got {gap:.3e}",
        )


def _plan(name, solution, state):
    plan, n, m = solution.plan, *state.plan.shape
    dense, slack = plan.toarray(), 4 * state.rho
    seen = {
        "toarray": (dense, state.plan),
        "row": (plan.row(n - 1), state.plan[n - 1]),
        "block": (plan.block([0], slice(None)), state.plan[:1]),
        "topk": (plan.topk(2).values, -np.sort(-state.plan, axis=1)[:, :2]),
        "plan @ ones": (plan @ np.ones(m), state.plan.sum(axis=1)),
        "ones @ plan": (plan.T @ np.ones(n), state.plan.sum(axis=0)),
        "sum(1)": (plan.sum(axis=1), state.plan.sum(axis=1)),
        "sum(0)": (plan.sum(axis=0), state.plan.sum(axis=0)),
        "sum()": (plan.sum(), state.plan.sum()),
        "transport_cost": (
            solution.transport_cost / solution.problem.eps,
            (state.plan * state.scene.C).sum(),
        ),
    }
    for what, (got, expected) in seen.items():
        got = np.asarray(got)
        if np.isnan(got).any():
            yield "plan NaN", f"{name}.plan: {what}: expected no NaN, got {np.isnan(got).sum()}"
        elif not state.overflows:
            size = (
                slack * (1 + state.scene.C.max()) * state.plan.sum()
                if what == "transport_cost"
                else 0.0
            )
            # Weights may come as logarithms
            logs = 2.0**-51 * np.abs(np.log(np.maximum(expected, state.tiny)))
            off = np.abs(got - expected) > (slack + logs) * expected + size + state.tiny
            if off.any():
                k = np.unravel_index(
                    np.argmax(np.abs(got - expected) / (expected + state.tiny)), off.shape
                )
                kind = (
                    "plan entries"
                    if what in ("toarray", "row", "block", "topk")
                    else "plan products"
                )
                relative = (
                    f"{np.abs(got - expected)[k] / (expected[k] + state.tiny):.1e}, at most "
                    f"{slack:.1e} allowed"
                )
                yield (
                    kind,
                    f"{name}.plan: {what}: expected {expected[k]:.6e}, got {got[k]:.6e}, off by "
                    f"{relative}",
                )


def _maps(name, solution, scene, state):
    back = State(scene.T, solution.g, solution.f, solution.dtype)
    for what, got, at, y in (
        ("map", solution.map(), state, scene.y),
        ("map_back", solution.map_back(), back, scene.x),
    ):
        slack = 8 * at.rho * scene.diameter + 1e-15 * np.abs(y).max()
        off = np.abs(got - y[0] - at.map).max()
        if not off <= slack:
            yield (
                what,
                f"{name}: expected means of the other side's points +- {slack:.1e}, off by "
                f"{off:.2e}",
            )


def _gradient(name, solution, scene, state):
    gradient = solution.gradient()
    if not all(np.isfinite(part).all() for part in gradient):
        yield (
            "gradient NaN",
            f"{name}: expected finite numbers, got {[np.isnan(p).sum() for p in gradient]} NaN",
        )
        return
    back = State(scene.T, solution.g, solution.f, solution.dtype)
    for what, got, at in (("x", gradient.x, state), ("y", gradient.y, back)):
        weights = at.scene.mass * at.scene.a
        longest = np.sqrt(2 * at.scene.C.max(axis=1)) * scene.blur
        if (
            np.hypot.reduce(got, axis=1)
            > weights * longest * 1.01 + weights * at.rho * scene.diameter + at.tiny
        ).any():
            yield (
                "gradient size",
                f"{name}: gradient().{what}: expected at most weight times distance, got more",
            )
        expected = weights[:, None] * (at.scene.x - at.scene.y[0] - at.map)
        off = np.linalg.norm(got - expected, axis=1).sum() / (scene.mass * (scene.diameter or 1.0))
        slack = (
            3 * state.error
            + 16 * state.rho_pairs
            + 1e-15 * np.abs(scene.x).max() / (scene.diameter or 1.0)
        )
        if state.error < 0.1 and not off <= slack:
            yield (
                "gradient",
                f"{name}: gradient().{what}: off by {off:.1e} mass diameters, {slack:.1e} allowed",
            )
    a, b = scene.mass * scene.a, scene.mass * scene.b
    paired = a @ gradient.a + b @ gradient.b
    size = a @ np.abs(gradient.a) + b @ np.abs(gradient.b) + abs(solution.value)
    if not abs(paired - solution.value) <= (1e-12 + scene.mismatch) * size + 1e-14 * scene.unit:
        yield (
            "gradient pairing",
            f"{name}: expected <a, grad.a> + <b, grad.b> = {solution.value:.9g}, got {paired:.9g}",
        )


def judge_divergence(divergence, problem, scenes):
    """All that can be wrong with a divergence beyond its solutions; scenes of xy, xx, yy."""
    unit, value = scenes[0].unit, divergence.value
    solutions = divergence.xy, divergence.xx, divergence.yy
    if not (np.isfinite(value) and np.isfinite(divergence.gap)):
        yield "not finite", f"S: expected a finite value and gap, got {value} and {divergence.gap}"
        return
    if value < 0:
        how = "converged" if divergence.converged else "unconverged"
        yield f"S < 0, {how}", f"S: expected >= 0, got {value / unit:.3e} eps"
    xy, xx, yy = (
        scene.bracket(solution) for scene, solution in zip(scenes, solutions, strict=True)
    )
    lower, upper = xy.lower - (xx.upper + yy.upper) / 2, xy.upper - (xx.lower + yy.lower) / 2
    states = [State(scene, s.f, s.g, s.dtype) for scene, s in zip(scenes, solutions, strict=True)]
    rho = sum(state.rho for state in states) + scenes[0].mismatch * (xy.upper + xx.upper + yy.upper)
    rough = rho + sum(s.rho_pairs for s in states if s.rho_pairs > s.rho)
    low, high = lower - divergence.gap / unit - rough, upper + divergence.gap / unit + rough
    if not low <= value / unit <= high:
        yield "S gap", f"S: expected in [{low:.6e}, {high:.6e}] eps, got {value / unit:.6e}"
    # Whose error is that of the slowest mode
    is_plain = problem.settings.get("acceleration", "auto") != "auto"
    tol = solutions[0].tol
    allowed = (
        0.05 * upper + rough + (1e-8 if tol <= 1e-3 else tol**2) + (0.1 * tol if is_plain else 0)
    )
    if divergence.converged and not lower - allowed <= value / unit <= upper + allowed:
        yield (
            "S accuracy",
            f"S: expected [{lower:.4e}, {upper:.4e}] eps +- {allowed:.1e}, got {value / unit:.4e}",
        )
    yield from _divergence_gradient(divergence, states)


def _divergence_gradient(divergence, states):
    gradient, scene = divergence.gradient(), states[0].scene
    if not all(np.isfinite(part).all() for part in gradient):
        yield "S gradient NaN", "S: gradient(): expected finite numbers"
        return
    for what, got, weights in (("x", gradient.x, scene.a), ("y", gradient.y, scene.b)):
        if (
            np.hypot.reduce(got, axis=1)
            > scene.mass * weights * scene.diameter * 2.02 + states[0].tiny
        ).any():
            yield (
                "S gradient size",
                f"S: gradient().{what}: expected at most twice weight times diameter, got more",
            )
    if not divergence.converged:
        return
    potentials, rho = divergence.potentials, scene.rounding()
    for what, got, f, p in (("a", gradient.a, 0, scene.a), ("b", gradient.b, 1, scene.b)):
        off = (got - potentials[f])[p > 0] / scene.eps
        spread = p[p > 0] @ np.abs(off - p[p > 0] @ off)
        slack = (
            4 * sum(state.drift for state in states)
            + 64 * rho
            + 8 * max(state.rho_pairs for state in states)
        )
        if not spread <= slack:
            yield (
                "S gradient.a",
                f"S: gradient().{what}: expected the potential +- {slack:.1e} eps, off {spread:.1e}",
            )
