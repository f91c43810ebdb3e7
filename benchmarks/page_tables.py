"""Tables of docs/benchmarks.md."""


def table(heads, rows):
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def number(value):
    if value is None:
        return "not run"
    return f"{value:.0f}" if value >= 100 else f"{value:.2g}"


def where(record):
    machine = record["machine"]
    libraries = (
        "geomloss",
        "pykeops",
        "pot",
        "POT",
        "torch",
        "jax",
        "ott-jax",
        "regot",
        "numba",
        "sinkhorn-nb",
    )
    versions = ", ".join(f"{k} {v}" for k, v in record["versions"].items() if k in libraries)
    load = machine["load_average_1min"]
    busy = f" (busy: load average {load:.0f})" if load > machine["cores"] else ""
    cores = f"{machine['cores']} cores{busy}"
    return f"*{record['date'][:10]}; {machine['cpu']}, {cores}; {versions}.*\n"
