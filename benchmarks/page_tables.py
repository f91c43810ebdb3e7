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


def section(title, text, body, records):
    """The text of a section, with the machine of each file."""
    lines = "\n".join(dict.fromkeys(where(record) for record in records))
    return f"## {title}\n\n{text}\n\n{body}\n{lines}"


def rows_of(found, name):
    """The files of a benchmark, from all environments, and their rows."""
    records = [found[key] for key in sorted(found) if key.startswith(f"{name}.")]
    return records, [row for record in records for row in record["rows"]]


def pivot(rows, keys, column, cell, heads):
    """A table with one line for each value of the `keys`, and one column for each of `column`, in
    order of their first appearance.
    """
    columns = list(dict.fromkeys(column(row) for row in rows))
    lines = {}
    for row in rows:
        line = lines.setdefault(tuple(row[key] for key in keys), {})
        line.setdefault(column(row), cell(row))

    cells = [[*line, *(of.get(name, "") for name in columns)] for line, of in lines.items()]
    return table([*heads, *columns], cells)
