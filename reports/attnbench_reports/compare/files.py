"""Files that are there whole or not at all."""

import os
from pathlib import Path


def write_whole(file: Path, text: str) -> None:
    partial = file.with_name(f".{file.name}.partial-{os.getpid()}")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
