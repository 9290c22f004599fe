"""JSON from a file: whatever is wrong with it is one line for the user."""

import json
from pathlib import Path
from typing import Any

from attnbench.support.errors import UserError


def read_json(file: Path, remedy: str) -> Any:
    """The parsed file. UserError, ending in `remedy`, when it cannot be read or is not JSON."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read '{file}' ({error.strerror}); {remedy}") from None
    except RecursionError:
        raise UserError(f"cannot read '{file}': it is nested too deeply; {remedy}") from None
    except ValueError as error:
        raise UserError(f"cannot read '{file}': {' '.join(str(error).split())}; {remedy}") from None
