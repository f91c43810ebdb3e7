"""Shared parts of all benchmarks: the clock, the description of the machine, the files of results."""

import argparse
import inspect
import json
import os
import platform
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from importlib import metadata, util
from pathlib import Path

BUSY = 0.7  # load average; 1 busy core of 2 made GeomLoss's threads 6 times slower, ours 2 times
RESULTS = Path(__file__).parent / "results"
SMOKE = Path(tempfile.gettempdir()) / "sinkhorn_nb_smoke"
PACKAGES = (
    "sinkhorn-nb numba llvmlite numpy scipy scikit-learn threadpoolctl torch geomloss pykeops pot "
    "regot jax jaxlib ott-jax"
).split()


def arguments(description, sections=()):
    """The options of a benchmark. One that has sections runs those that are named, or all."""
    parser = argparse.ArgumentParser(description=description)
    if sections:
        parser.add_argument(
            "sections", nargs="*", metavar="section", help="some of: " + ", ".join(sections)
        )
    parser.add_argument(
        "--smoke", action="store_true", help="small sizes: does it run? The numbers mean nothing"
    )
    parser.add_argument(
        "--output", type=Path, help="folder of the results; of --smoke: one for temporary files"
    )
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > BUSY:
        print(
            f"load average {os.getloadavg()[0]:.1f}: the times will be wrong, those of OpenMP peers "
            "most of all"
        )
    args = parser.parse_args()
    args.output = args.output or (SMOKE if args.smoke else RESULTS)
    if sections:
        unknown = set(args.sections) - set(sections)
        if unknown:
            parser.error(f"section: expected some of {', '.join(sections)}, got {unknown.pop()}")
        args.sections = args.sections or list(sections)
    return args


def kept(arguments, name):
    """The rows of an earlier run of the sections that do not run now."""
    path = arguments.output / f"{name}.{environment()}.json"
    if not path.exists():
        return []
    rows = json.loads(path.read_text())["rows"]
    return [
        row for row in rows if row.get("section", arguments.sections[0]) not in arguments.sections
    ]


def has(module):
    return util.find_spec(module) is not None


def environment():
    """The name of this environment in the README; it is a part of the names of results."""
    return "ott" if has("ott") else "torch" if has("torch") else "alone"


@dataclass
class Timing:
    """Seconds of one job: times[r][k] until the k-th answer of round r, and cpu[r] of all cores
    together.
    """

    times: list = field(default_factory=list)
    cpu: list = field(default_factory=list)
    answers: list = field(default_factory=list)
    error: str | None = None

    def seconds(self, lap=-1):
        return [laps[lap] for laps in self.times]

    def median(self, lap=-1):
        return statistics.median(self.seconds(lap)) if self.times else None

    def summary(self, lap=-1):
        seconds = self.seconds(lap)
        if not seconds:
            return {"error": self.error}
        return {
            "median_s": statistics.median(seconds),
            "min_s": min(seconds),
            "rounds": len(seconds),
            "cpu_share": statistics.median(
                cpu / laps[-1] for cpu, laps in zip(self.cpu, self.times, strict=True)
            ),
        }


def in_turn(jobs, rounds, budget_s=30.0, pause_s=0.25):
    """Time callables in turn, A B A B. The caller has warmed them up.

    A job leaves the rounds once it has spent budget_s, or when it fails; its error is kept.
    The pause lets the thread pools of one library fall asleep before the next is timed.
    """
    timings = {name: Timing() for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            timing = timings[name]
            if timing.error or sum(timing.seconds()) > budget_s:
                continue
            time.sleep(pause_s)
            try:
                start = time.process_time()
                laps, timing.answers = clock(job)
                timing.cpu.append(time.process_time() - start)
                timing.times.append(laps)
            except Exception as error:  # a failed peer is a result
                timing.error = message(error)
    return timings


def message(error):
    return f"{type(error).__name__}: {error}"[:500]


def clock(job):
    """Seconds until each answer, and the answers; a generator may answer several times."""
    laps, answers = [], []
    start = time.perf_counter()
    result = job()
    for answer in result if inspect.isgenerator(result) else [result]:
        laps.append(time.perf_counter() - start)
        answers.append(answer)
    return laps, answers


def ratio(slow, fast, lap=-1):
    """Median of slow / fast over the rounds that both ran."""
    pairs = list(zip(slow.seconds(lap), fast.seconds(lap), strict=False))
    return statistics.median(s / f for s, f in pairs) if pairs else None


def goal(what, measured, unit, at_least=None, at_most=None):
    """One goal and its measurement."""
    met = None
    if measured is not None:
        met = (at_least is None or measured >= at_least) and (
            at_most is None or measured <= at_most
        )
    return {
        "goal": what,
        "at_least": at_least,
        "at_most": at_most,
        "measured": measured,
        "unit": unit,
        "met": met,
    }


def write(arguments, name, rows, goals=(), **settings):
    """Write one JSON file with the settings, the machine and every row."""
    goals = list(goals)
    record = {
        "benchmark": name,
        "environment": environment(),
        "smoke": arguments.smoke,
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "machine": machine(),
        "versions": versions(),
        "threads": threads(),
        "settings": settings,
        "goals": goals,
        "rows": rows,
    }
    arguments.output.mkdir(parents=True, exist_ok=True)
    path = arguments.output / f"{name}.{environment()}.json"
    path.write_text(json.dumps(record, indent=1) + "\n")
    for line in goals:
        print(line)
    print(f"{len(rows)} rows in {path.name}")


def machine():
    pages, page = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_gb": round(pages * page / 1e9, 1),
        "os": f"{platform.system()} {platform.machine()}",
        "load_average_1min": round(os.getloadavg()[0], 2),
    }


def _cpu_model():
    """The name, with family and model: hypervisors hide the name."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()
    fields = dict(
        line.replace("\t", "").split(":", 1)
        for line in text.split("\n\n")[0].splitlines()
        if ":" in line
    )
    vector = "AVX-512" if "avx512f" in fields.get("flags", "") else "no AVX-512"
    name = fields.get("model name", platform.machine()).strip()
    family, model = (fields.get(k, "?").strip() for k in ("cpu family", "model"))
    return f"{name} (family {family}, model {model}, {vector})"


def versions():
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def threads():
    import numba

    found = {"numba": numba.get_num_threads()}
    if has("torch"):
        import torch

        found["torch"] = torch.get_num_threads()
    return found
