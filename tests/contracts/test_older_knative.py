"""The contract of test_actuators.py, on the testbed with Knative 1.20."""

from __future__ import annotations

import pytest

from testbed import Testbed
from testbed.pytest_plugin import ON_OLDER_KNATIVE
from tests.contracts.real import real_older_knative
from tests.contracts.stage import Stage
from tests.contracts.test_actuators import (
    test_a_floor_is_written_the_baseline_remembered_and_restored_byte_for_byte,
    test_a_floor_that_is_already_there_leaves_no_mark,
    test_a_restore_can_be_repeated,
    test_a_target_is_found_with_its_owners_minimum,
    test_a_users_edit_becomes_the_new_baseline,
    test_an_edit_between_listing_and_writing_is_never_overwritten,
    test_an_object_that_somebody_else_controls_is_refused_and_left_alone,
    test_what_somebody_else_took_over_while_we_held_it_can_still_be_given_back,
    test_writing_the_same_floor_twice_writes_once,
)

__all__ = [
    "test_a_floor_is_written_the_baseline_remembered_and_restored_byte_for_byte",
    "test_a_floor_that_is_already_there_leaves_no_mark",
    "test_a_restore_can_be_repeated",
    "test_a_target_is_found_with_its_owners_minimum",
    "test_a_users_edit_becomes_the_new_baseline",
    "test_an_edit_between_listing_and_writing_is_never_overwritten",
    "test_an_object_that_somebody_else_controls_is_refused_and_left_alone",
    "test_what_somebody_else_took_over_while_we_held_it_can_still_be_given_back",
    "test_writing_the_same_floor_twice_writes_once",
]
pytestmark = [pytest.mark.testbed, ON_OLDER_KNATIVE]


@pytest.fixture
def stage(bed: Testbed, bed_namespace: str) -> Stage:
    return real_older_knative(bed, bed_namespace)
