"""What all Python tests share."""

import os
import signal

import pytest

# A shell starts background jobs with Ctrl-C ignored, and what they start inherits that: the tests send it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def what_is_known_of_the_machine(tmp_path_factory):
    """Runs share one calibration, made by the first of them, and one cost model, and leave the user's alone."""
    os.environ["ATTNBENCH_CALIBRATION"] = str(tmp_path_factory.mktemp("calibration") / "calibration.json")
    os.environ["ATTNBENCH_COST_MODEL"] = str(tmp_path_factory.mktemp("cost_model") / "cost-model.json")
