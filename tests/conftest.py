"""What all Python tests share."""

import os

import pytest


@pytest.fixture(scope="session", autouse=True)
def what_is_known_of_the_machine(tmp_path_factory):
    """Runs share one calibration, made by the first of them, and one cost model, and leave the user's alone."""
    os.environ["ATTNBENCH_CALIBRATION"] = str(tmp_path_factory.mktemp("calibration") / "calibration.json")
    os.environ["ATTNBENCH_COST_MODEL"] = str(tmp_path_factory.mktemp("cost_model") / "cost-model.json")
