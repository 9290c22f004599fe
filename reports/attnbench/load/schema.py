"""Types and members of stored files, held against the JSON Schemas that the harness writes them by (harness/schema).

Only these: a damaged file has a string where a number belongs, or nothing where an object belongs. What else a schema
asks for is the tests' to check (jsonschema), too slow for every record of a large run.
"""

import json
import math
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
# share/attnbench/{reports,schema} where it is installed, {reports,harness/schema} in the source tree.
PLACES = (HERE.parents[3] / "schema", HERE.parents[3] / "harness" / "schema")
NAMES = {"integer": "a whole number", "number": "a number", "string": "a string", "object": "an object",
         "array": "a list", "boolean": "true or false", "null": "null"}  # fmt: skip


def wrong_type(name: str, value: Any) -> str | None:
    """The first place in `value` whose type is not that of schema `name` (run, record), in words; None if all are."""
    schema = _schema(name)
    return next(_wrong(schema, schema, value, ""), None) if schema else None


def missing_member(name: str, value: Any) -> str | None:
    """The first member that schema `name` requires and `value` lacks, as `outer.member`; None if all are there."""
    schema = _schema(name)
    return next(_missing(schema, schema, value, ""), None) if schema else None


@cache
def _schema(name: str) -> dict | None:
    file = next((f for place in PLACES if (f := place / f"{name}.schema.json").is_file()), None)
    return json.loads(file.read_text(encoding="utf-8")) if file else None


def _wrong(root: Mapping, schema: Mapping, value: Any, path: str) -> Iterator[str]:
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    types = schema.get("type")
    types = [types] if isinstance(types, str) else types
    if types and not any(_is(kind, value) for kind in types):
        shown = json.dumps(value)
        yield (f"{path} is {shown if len(shown) <= 60 else shown[:59] + '…'}, expected "
               f"{' or '.join(NAMES[kind] for kind in types)}")  # fmt: skip
    elif isinstance(value, dict):
        for name, inside in schema.get("properties", {}).items():
            if name in value:
                yield from _wrong(root, inside, value[name], f"{path}.{name}" if path else name)
    elif isinstance(value, list) and "items" in schema:
        for place, item in enumerate(value):
            yield from _wrong(root, schema["items"], item, f"{path}[{place}]")


def _missing(root: Mapping, schema: Mapping, value: Any, path: str) -> Iterator[str]:
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    if isinstance(value, dict):
        prefix = f"{path}." if path else ""
        yield from (prefix + name for name in schema.get("required", ()) if name not in value)
        for name, inside in schema.get("properties", {}).items():
            if name in value:
                yield from _missing(root, inside, value[name], prefix + name)
    elif isinstance(value, list) and "items" in schema:
        for item in value:
            yield from _missing(root, schema["items"], item, path)


def _is(kind: str, value: Any) -> bool:
    if kind in ("integer", "number"):
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return kind == "number" and math.isfinite(value) or isinstance(value, int)
    return isinstance(value, {"string": str, "object": dict, "array": list, "boolean": bool, "null": type(None)}[kind])
