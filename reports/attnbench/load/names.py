"""How a variant is called where people read it: its name with the values of its parameters, defaults included.

A label, `block_sparse(block=4)`, names what differs from the defaults and is what the command line takes. A reader of a
report does not know the defaults, so pages and figures say `block_sparse(block=4, window_blocks=1, ...)`. A default of
0 means "none" or "chosen by the variant" and is left out.
"""

import re
from collections.abc import Mapping


def parameters(label: str, params: Mapping[str, object]) -> str:
    """`block=4, window_blocks=1`; empty where the variant has none to tell."""
    return ", ".join(f"{name}={value}" for name, value in params.items() if value or _in_label(name, label))


def shown_name(label: str, name: str, params: Mapping[str, object]) -> str:
    told = parameters(label, params)
    return f"{name}({told})" if told else name


def _in_label(name: str, label: str) -> bool:
    return re.search(rf"[(,]{re.escape(name)}=", label) is not None
