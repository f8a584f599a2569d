"""The contracts of test_actuators.py and test_lever.py, on the testbed with Knative 1.20."""

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
from tests.contracts.test_lever import (
    test_a_target_alone_is_restored_too,
    test_a_target_is_raised_and_put_back_byte_for_byte_and_nothing_is_planned_otherwise,
    test_a_users_edit_of_the_target_makes_it_theirs,
    test_an_edit_between_listing_and_raising_is_never_overwritten,
    test_the_same_target_twice_is_written_once,
    test_what_the_owner_had_is_restored_byte_for_byte_floor_and_target,
)

__all__ = [
    "test_a_floor_is_written_the_baseline_remembered_and_restored_byte_for_byte",
    "test_a_floor_that_is_already_there_leaves_no_mark",
    "test_a_restore_can_be_repeated",
    "test_a_target_alone_is_restored_too",
    "test_a_target_is_found_with_its_owners_minimum",
    "test_a_target_is_raised_and_put_back_byte_for_byte_and_nothing_is_planned_otherwise",
    "test_a_users_edit_becomes_the_new_baseline",
    "test_a_users_edit_of_the_target_makes_it_theirs",
    "test_an_edit_between_listing_and_raising_is_never_overwritten",
    "test_an_edit_between_listing_and_writing_is_never_overwritten",
    "test_an_object_that_somebody_else_controls_is_refused_and_left_alone",
    "test_the_same_target_twice_is_written_once",
    "test_what_somebody_else_took_over_while_we_held_it_can_still_be_given_back",
    "test_what_the_owner_had_is_restored_byte_for_byte_floor_and_target",
    "test_writing_the_same_floor_twice_writes_once",
]
pytestmark = [pytest.mark.testbed, ON_OLDER_KNATIVE]


@pytest.fixture
def stage(bed: Testbed, bed_namespace: str) -> Stage:
    return real_older_knative(bed, bed_namespace)
