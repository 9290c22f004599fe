"""What all Python tests share."""

import os

import pytest


@pytest.fixture(scope="session", autouse=True)
def calibration_of_the_tests(tmp_path_factory):
    """Runs share one calibration, made by the first of them, and leave the user's alone."""
    os.environ["ATTNBENCH_CALIBRATION"] = str(tmp_path_factory.mktemp("calibration") / "calibration.json")
