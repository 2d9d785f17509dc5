"""Tests that repeat others with another rule, type or way, or take long: CI has no time for them.

`nox -s thorough` runs all tests. Elsewhere the summary names these as skipped, and lanes count them
as deselected.
"""

import os

REASON = "it repeats others, or takes long: `nox -s thorough` runs it"
THOROUGH = (
    "cuda_compile/test_batch.py::test_real_objectives[peaks-float32]",
    "cuda_compile/test_batch.py::test_real_objectives[photons-float64]",
    "cuda_compile/test_batch.py::test_rules[adadelta-None-float32]",
    "cuda_compile/test_batch.py::test_rules[sgd-None-float32]",
    "cuda_compile/test_batch_numbers.py::test_a_matrix_of_parameters_by_differences",
    "cuda_compile/test_batch_numbers.py::test_decays[whole]",
    "cuda_compile/test_batch_numbers.py::test_many_parameters",
    "cuda_compile/test_batch_numbers.py::test_more_parameters_than_are_unrolled",
    "cuda_compile/test_batch_numbers.py::test_unequal_rows_and_bounds",
    "cuda_compile/test_team.py::test_assembles_without_spills[rmsprop-None-float32]",
    "cuda_simulator/test_batch.py::test_what_may_be_given[2-point]",
    "cuda_simulator/test_batch.py::test_what_may_be_given[fun]",
    "cuda_simulator/test_device_cases.py::test_the_report",
    *(
        f"api/test_automatic_training.py::test_the_mean_is_found_with_every_rule[{method}]"
        for method in ("adabelief", "adadelta", "adamax", "ademamix", "adopt", "radam", "yogi")
    ),
    "compiling/test_edits.py::test_faults_are_found[memory]",
    "compiling/test_edits.py::test_random_packages",
    "derivatives/random_programs/test_random_programs.py::test_buffers_compiled",
    "derivatives/test_array_functions.py::test_compiled[joins]",
    "derivatives/test_infinite_slopes.py::test_arrays",
    "derivatives/test_linear_algebra.py::test_element_types_and_layouts",
    "derivatives/test_linear_algebra.py::test_other_values_are_numpys",
    "derivatives/test_programs.py::test_values_and_gradients[2002-False]",
    "derivatives/test_refusals.py::test_a_second_process_says_the_same_without_compiling",
    "drivers/test_batch_workers.py::test_dask_finishes_with_a_worker_killed",
    "drivers/test_stochastic_seam.py::test_a_later_process_finds_the_step_on_disk",
    "performance/test_contests.py::test_real_programs_do_the_same_work[iterations]",
    "performance/test_contests.py::test_real_programs_do_the_same_work[solve, 2 parameters]",
    "project/test_bad_environments.py::test_with_a_home_that_cannot_be_written",
    "project/test_batch_examples.py::test_errors_of_the_cube_are_those_of_its_noise",
    "project/test_batch_examples.py::test_example_draws_its_pictures[growth_curves.py",
    "project/test_examples.py::test_example_draws_its_pictures[fit_nist.py",
    "project/test_examples.py::test_example_draws_its_pictures[rosenbrock_paths.py",
    "project/test_pages.py::test_code_of_pages_runs[likelihoods.md]",
    "project/test_stochastic_examples.py::test_a_network_reads_digits_as_well_as_scikit_learn_s",
    "storage/test_checkpoint.py::test_killed_again_and_again[batch]",
    "storage/test_checkpoint.py::test_killed_again_and_again[search]",
)


def are_left_out():
    """Return True unless all tests are asked for."""
    return os.environ.get("FASTOPT_THOROUGH", "") in ("", "0")


def is_thorough(item):
    """Return True for a test that is left out where time is short."""
    return item.nodeid.removeprefix("tests/").startswith(THOROUGH)
