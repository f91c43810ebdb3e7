"""The command `sinkhorn-nb`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any, NoReturn, TypeVar

from .. import ConvergenceWarning, __version__, plotting
from ..backends import choice, compilation, machine
from ..losses.arguments import between
from ..losses.divergences import diverge
from ..measures import files
from ..solver import Sinkhorn
from ..terms import terms_of
from . import demo
from .warmup import KINDS, warm_up

Result = TypeVar("Result")

PROGRAM = "sinkhorn-nb"
DEPENDENCIES = ("numba", "llvmlite", "numpy", "scipy", "scikit-learn")
OK = 0
NOT_CONVERGED = 1
FAILED = 2
INTERRUPTED = 130
BROKEN_PIPE = 141
EXIT_CODES = (
    "Exit code: 0; 1 if the tolerance was not reached (the value is still printed); 2 on an error."
)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(FAILED, f"{PROGRAM}: error: {message} (see {self.prog} --help)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : list of str, optional
        sys.argv[1:] by default.

    Returns
    -------
    int
        The exit code: 0; 1 if a solve did not converge; 2 after an error, which is one line on
        stderr; 130 after Ctrl-C; 141 if the reader of stdout went away.
    """
    options = _parser().parse_args(arguments)
    try:
        code = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes stdout once more when it exits: send this output to the null device.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        return BROKEN_PIPE
    except KeyboardInterrupt:
        return INTERRUPTED
    except (OSError, ValueError, TypeError, ImportError, MemoryError) as error:
        _tell("error", str(error) or type(error).__name__)
        return FAILED
    return code


def _parser() -> _Parser:
    parser = _Parser(prog=PROGRAM, description="Sinkhorn divergences between point clouds.")
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(metavar="command", required=True)

    command = _add(commands, "demo", _demo, "the main job on handwritten digits, with a picture")
    command.add_argument(
        "--output", default="sinkhorn_nb_demo.png", metavar="FILE.png", help="default: %(default)s"
    )
    command.add_argument(
        "--n", type=_positive, default=5000, help="points of each cloud, default: %(default)s"
    )

    command = _add(
        commands, "divergence", _divergence, "the Sinkhorn divergence between two files", EXIT_CODES
    )
    files = (
        ".npy; .npz with points x (or its first array) and weights a; .csv with or without a header"
    )
    command.add_argument("A", help=f"source points, one row each: {files}")
    command.add_argument("B", help="target points, likewise")
    command.add_argument(
        "--blur", type=float, required=True, help="a length in the unit of the points"
    )
    command.add_argument(
        "--reach",
        type=float,
        help="a length: mass that is farther is rather left over; default: all is transported",
    )
    command.add_argument(
        "--tol", type=float, default=Sinkhorn.tol, help="marginal error, default: %(default)s"
    )
    command.add_argument(
        "--max-iter", type=int, default=Sinkhorn.max_iter, help="default: %(default)s"
    )
    command.add_argument("--json", action="store_true", help="print one JSON object")

    _add(commands, "info", _info, "versions, processor, threads, cache")
    _add(commands, "warmup", _warmup, "compile the kernels of the main job ahead")
    return parser


def _add(
    commands: Any,
    name: str,
    run: Callable[[argparse.Namespace], int],
    summary: str,
    epilog: str | None = None,
) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name, help=summary, description=summary.capitalize() + ".", epilog=epilog
    )
    command.set_defaults(run=run)
    return command


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


_positive.__name__ = "positive integer"  # argparse prints it


def _demo(options: argparse.Namespace) -> int:
    print(demo.TITLE, flush=True)
    with compilation.noticed(lambda: print("  compiling, 10 s or more ...", flush=True)):
        result = _with_warnings(lambda: demo.run(options.n))
    print(demo.report(result, machine.describe().threads), flush=True)
    try:
        demo.draw(result, options.output)
    except ImportError:
        print(
            f"  {'picture':<15}none, because matplotlib is missing; get it with {plotting.INSTALL}"
        )
    else:
        print(f"  {'picture':<15}{options.output}")
    return OK if result.divergence.converged else NOT_CONVERGED


def _divergence(options: argparse.Namespace) -> int:
    source = files.read(options.A)
    target = files.read(options.B)
    names = options.A, options.B, f"{options.A}: weights a", f"{options.B}: weights a"
    solver = Sinkhorn(tol=options.tol, max_iter=options.max_iter)

    start = time.perf_counter()
    terms = terms_of(blur=options.blur, reach=options.reach)
    problem = between(source, target, terms, names)
    result = _with_warnings(lambda: diverge(problem, solver))
    facts = {
        "value": result.value,
        "converged": result.converged,
        "marginal_error": result.marginal_error,
        "n_iter": result.n_iter,
        "n_passes": result.n_passes,
        "blur": options.blur,
        "reach": options.reach,
        "tol": options.tol,
        "n": len(source),
        "m": len(target),
        "d": source.dimension,
        "seconds": time.perf_counter() - start,
    }
    print(json.dumps(facts) if options.json else _table(facts))
    return OK if result.converged else NOT_CONVERGED


def _info(options: argparse.Namespace) -> int:
    here = machine.describe()
    facts = {
        "sinkhorn-nb": __version__,
        **{name: metadata.version(name) for name in DEPENDENCIES},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "threads": here.threads,
        "processor": here.cpu,
        "vectors": f"{here.vector_bits} bits" if here.vector_bits else "unknown",
        "kernel cache": here.cache
        or "none: no folder can be written, kernels are compiled in every process",
        "GPU": choice.describe_gpu(),
    }
    print(_table(facts))
    return OK


def _warmup(options: argparse.Namespace) -> int:
    total = 0.0
    for dtype, d in KINDS:
        seconds = warm_up(dtype, d)
        total += seconds
        print(f"{dtype}, d = {d:<4}{seconds:6.1f} s", flush=True)
    cache = machine.describe().cache
    where = f"kept in {cache}" if cache else "kept in this process only: no folder can be written"
    print(f"{total:.1f} s in all; the kernels are {where}")
    return OK


def _table(facts: dict[str, object]) -> str:
    width = max(map(len, facts)) + 2
    titles = [name.replace("_", " ").ljust(width) for name in facts]
    texts = map(_text, facts.values())
    return "\n".join(title + text for title, text in zip(titles, texts, strict=True))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _with_warnings(compute: Callable[[], Result]) -> Result:
    """Return compute(), and print its warnings as lines on stderr."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        result = compute()
    for warning in caught:
        _tell("warning", str(warning.message))
    return result


def _tell(kind: str, message: str) -> None:
    """Print one line on stderr."""
    print(f"{PROGRAM}: {kind}: {' '.join(message.split())}", file=sys.stderr)
