"""Checks: what makes two sides incomparable, and what a reader has to know about them."""

from dataclasses import dataclass, replace

from attnbench_reports.compare.sides import Side
from attnbench_reports.errors import UserError


@dataclass(frozen=True)
class Allowed:
    """What the user said is fine to differ."""

    machines: bool = False
    inputs: bool = False
    errors: bool = False


@dataclass(frozen=True)
class Difference:
    name: str
    base: str
    new: str


def environment_differences(base: Side, new: Side) -> list[Difference]:
    """Fields that differ, in the order of the base; a load that neither side need worry about is no difference."""
    names = dict.fromkeys([*base.environment, *new.environment])
    found = [Difference(k, base.environment.get(k, "–"), new.environment.get(k, "–")) for k in names]
    quiet = not base.busy and not new.busy
    return [d for d in found if d.base != d.new and not (quiet and d.name == "load before the run")]


def checked_machines(base: Side, new: Side, allowed: Allowed) -> list[str]:
    """The warning when the machines differ and that is allowed."""
    if base.machines == new.machines:
        return []
    what = f"measured on different machines ({base.machine}; {new.machine})"
    if not allowed.machines:
        raise UserError(f"'{base.label}' and '{new.label}' were {what}; a ratio of their times says nothing about the "
                        "code, give --allow-different-machines if you want it all the same")  # fmt: skip
    return [f"{what}: ratios compare machines and code together"]


def checked_inputs(base: Side, new: Side, allowed: Allowed) -> tuple[Side, Side, list[str]]:
    """The sides as they are to be joined: where different datasets are allowed, both under one name."""
    warnings = []
    if base.seeds != new.seeds:
        warnings.append(f"inputs of different seeds ({_list(base.seeds)}; {_list(new.seeds)})")
    datasets = sorted(base.datasets), sorted(new.datasets)
    if not base.datasets & new.datasets:
        warnings.append(f"inputs of different datasets ({_list(datasets[0])}; {_list(datasets[1])})")
    if changed := [k for k, v in base.contents.items() if new.contents.get(k, v) != v]:
        warnings.append(f"different contents of the same dataset ({_list(changed)})")
    if warnings and not allowed.inputs:
        raise UserError(f"'{base.label}' and '{new.label}' have {warnings[0]}; measure both on the same inputs, or "
                        "give --allow-different-inputs")  # fmt: skip
    if datasets[0] != datasets[1] and len(datasets[0]) == len(datasets[1]) == 1:
        name = f"{datasets[0][0]} / {datasets[1][0]}"
        base, new = _under_dataset(base, name), _under_dataset(new, name)
    return base, new, warnings


def _under_dataset(side: Side, name: str) -> Side:
    entries = {}
    for entry in side.entries.values():
        renamed = replace(entry, key=replace(entry.key, dataset=name))
        entries[renamed.key] = renamed
    return replace(side, entries=entries)


def _list(values) -> str:
    return ", ".join(str(v) for v in sorted(values)) or "none"
