"""Objects that print as one line, and in notebooks as a small table."""

from __future__ import annotations

from dataclasses import fields
from html import escape
from typing import Any

LONGEST_SETTING = 160  # characters for the value of one setting


class Represented:
    """An object that prints its `_facts()`, a dictionary of names and values that needs no pass
    over the pairs.
    """

    def __repr__(self) -> str:
        facts = _known(self)
        if facts is None:
            return object.__repr__(self)
        settings = [f"{name}={text}" for name, text in facts.items()]
        return f"{_title(self)}({', '.join(settings)})"

    def _repr_html_(self) -> str | None:
        facts = _known(self)
        if facts is None:
            return None  # the notebook shows the line
        rows = "".join(
            f'<tr><th style="text-align: left">{escape(name.replace("_", " "))}</th>'
            f'<td style="text-align: left">{escape(text)}</td></tr>'
            for name, text in facts.items()
        )
        return (
            "<table><thead><tr><th "
            f"colspan=2>{escape(_title(self))}</th></tr></thead><tbody>{rows}</tbody></table>"
        )


class Settings:
    """A dataclass that prints one line with its settings that are not the defaults."""

    def __repr__(self) -> str:
        settings = []
        for field in fields(self):  # type: ignore[arg-type]  # of the dataclass that inherits this
            if field.repr and not _is_default(self, field):
                value = getattr(self, field.name)
                settings.append(f"{field.name}={_setting(value)}")
        return f"{_title(self)}({', '.join(settings)})"


def array(value: Any) -> str:
    """The type and the shape of an array of any library, such as float64[200, 2]; a number is
    returned unchanged.
    """
    if isinstance(value, list):
        return f"{len(value)} arrays"
    if not getattr(value, "shape", ()):
        return _text(value)
    dtype = str(value.dtype).rpartition(".")[-1]  # torch.float64
    return f"{dtype}[{', '.join(map(str, value.shape))}]"


def arrays(named_tuple: Any) -> dict[str, object]:
    """The facts of a named tuple of arrays."""
    fields_of = named_tuple._asdict()
    return {name: array(value) for name, value in fields_of.items()}


def _known(thing: Any) -> dict[str, str] | None:
    try:
        return {name: _text(value) for name, value in thing._facts().items()}
    except Exception:  # debuggers and tracebacks print objects whose __init__ has not finished
        return None


def _title(thing: Any) -> str:
    return getattr(thing, "_called", type(thing).__name__).lstrip("_")


def _text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _is_default(thing: Any, field: Any) -> bool:
    value = getattr(thing, field.name)
    default = field.default
    return type(value) is type(default) and value == default


def _setting(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_setting, value))})"
    if getattr(value, "shape", ()):
        return array(value)
    text = " ".join(repr(value).split())
    if len(text) <= LONGEST_SETTING:
        return text
    return text[: LONGEST_SETTING - 3] + "..."
