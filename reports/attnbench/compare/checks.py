"""Checks: what makes two sides incomparable, and what a reader has to know about them."""

import argparse
from dataclasses import dataclass, replace

from attnbench.compare.sides import Side
from attnbench.support.errors import UserError


@dataclass(frozen=True)
class Allowed:
    """What the user said is fine to differ."""

    machines: bool = False
    inputs: bool = False
    errors: bool = False

    @classmethod
    def of(cls, options: argparse.Namespace) -> "Allowed":
        return cls(options.allow_different_machines, options.allow_different_inputs, options.allow_different_errors)


@dataclass(frozen=True)
class Difference:
    name: str
    base: str
    new: str


# The step of a clock is observed, and one clock shows 10 ns in one run and 30 ns in the next. Another clock source
# (hpet or acpi_pm in place of tsc) differs by ten times and more.
SAME_CLOCK = 5


def environment_differences(base: Side, new: Side) -> list[Difference]:
    """Fields that differ, in the order of the base, without a low load on both sides and what one clock varies by."""
    names = dict.fromkeys([*base.environment, *new.environment])
    found = [Difference(k, base.environment.get(k, "–"), new.environment.get(k, "–")) for k in names]
    same = set()
    if not base.busy and not new.busy:
        same.add("load before the run")
    steps = sorted((base.clock_resolution, new.clock_resolution))
    if steps[0] > 0 and steps[1] < SAME_CLOCK * steps[0]:
        same.add("clock resolution")
    return [d for d in found if d.base != d.new and d.name not in same]


def checked_machines(base: Side, new: Side, allowed: Allowed) -> list[str]:
    """The warning when the machines differ and that is allowed."""
    parts = [*(base.parts or (base,)), *(new.parts or (new,))]
    first, other = parts[0], next((part for part in parts if part.machines != parts[0].machines), None)
    if other is None:
        return []
    what = f"measured on different machines ({first.machine}; {other.machine})"
    if not allowed.machines:
        raise UserError(f"'{first.label}' and '{other.label}' were {what}; a ratio of their times says nothing about "
                        "the code, give --allow-different-machines if you want it all the same")  # fmt: skip
    return [f"{what}: ratios compare machines and code together"]


def checked_inputs(base: Side, new: Side, allowed: Allowed) -> tuple[Side, Side, list[str]]:
    """The sides as they are to be joined: where different datasets are allowed, both under one name."""
    parts = [*(base.parts or (base,)), *(new.parts or (new,))]
    warnings = []
    for other in parts[1:]:
        found = _different_inputs(parts[0], other)
        if found and not allowed.inputs:
            raise UserError(f"'{parts[0].label}' and '{other.label}' have {found[0]}; measure both on the same inputs, "
                            "or give --allow-different-inputs")  # fmt: skip
        warnings += found
    datasets = sorted(base.datasets), sorted(new.datasets)
    if datasets[0] != datasets[1] and len(datasets[0]) == len(datasets[1]) == 1:
        name = f"{datasets[0][0]} / {datasets[1][0]}"
        base, new = _under_dataset(base, name), _under_dataset(new, name)
    return base, new, list(dict.fromkeys(warnings))


def _different_inputs(a: Side, b: Side) -> list[str]:
    found = []
    if a.seeds != b.seeds:
        found.append(f"inputs of different seeds ({_list(a.seeds)}; {_list(b.seeds)})")
    if not a.datasets & b.datasets:
        found.append(f"inputs of different datasets ({_list(a.datasets)}; {_list(b.datasets)})")
    if changed := [k for k, v in a.contents.items() if b.contents.get(k, v) != v]:
        found.append(f"different contents of the same dataset ({_list(changed)})")
    return found


def _under_dataset(side: Side, name: str) -> Side:
    entries = {}
    for entry in side.entries.values():
        renamed = replace(entry, key=replace(entry.key, dataset=name))
        entries[renamed.key] = renamed
    return replace(side, entries=entries)


def _list(values) -> str:
    return ", ".join(str(v) for v in sorted(values)) or "none"
