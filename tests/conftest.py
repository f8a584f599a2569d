"""Fixtures of all tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # testbed and benchmarks are not part of the installed package

from testbed.pytest_plugin import bed, bed_namespace, pytest_collection_finish

__all__ = ["bed", "bed_namespace", "pytest_collection_finish"]
