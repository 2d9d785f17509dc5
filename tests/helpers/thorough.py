"""Tests that repeat others with another rule, type or way, or take long: CI has no time for them.

`nox -s thorough` runs all tests. Elsewhere the summary names these as skipped, and lanes count them
as deselected.
"""

import os

REASON = "it repeats others, or takes long: `nox -s thorough` runs it"
THOROUGH = (
    "algorithms/test_no_false_success.py::test_a_success_is_a_minimum[True-float32]",
    "algorithms/test_problems.py::test_compiled_loops_solve_them_too[Brown-Dennis]",
    "algorithms/test_problems.py::test_compiled_loops_solve_them_too[Chebyquad]",
    "algorithms/test_problems.py::test_ten_thousand_variables[rmsprop]",
    "algorithms/test_solve_loop.py::test_small_and_large_problems_agree",
    "algorithms/test_units.py::test_decays_in_pico_to_tera_units[float32-0.0001]",
    "compiling/test_compile_cache.py::test_processes_may_share_a_cold_directory",
    "compiling/test_compile_cache.py::test_the_cache_can_be_turned_off",
    "compiling/test_compile_cache.py::test_two_contents_of_one_name_do_not_meet",
    "compiling/test_edits.py::test_faults_are_found[memory]",
    "compiling/test_edits.py::test_faults_are_found[modules]",
    "compiling/test_edits.py::test_random_packages",
    "cuda_compile/test_batch.py::test_real_objectives[peaks-float32]",
    "cuda_compile/test_batch.py::test_real_objectives[photons-float32]",
    "cuda_compile/test_batch.py::test_real_objectives[photons-float64]",
    "cuda_compile/test_batch.py::test_rules[adadelta-None-float32]",
    "cuda_compile/test_batch.py::test_rules[sgd-None-float32]",
    "cuda_compile/test_batch_numbers.py::test_a_matrix_of_parameters_by_differences",
    "cuda_compile/test_batch_numbers.py::test_decays[whole]",
    "cuda_compile/test_batch_numbers.py::test_many_parameters",
    "cuda_compile/test_batch_numbers.py::test_more_parameters_than_are_unrolled",
    "cuda_compile/test_batch_numbers.py::test_unequal_rows_and_bounds",
    "cuda_compile/test_team.py::test_assembles_without_spills[adadelta-0.1-float64]",
    "cuda_compile/test_team.py::test_assembles_without_spills[adan-0.1-float64]",
    "cuda_compile/test_team.py::test_assembles_without_spills[rmsprop-None-float32]",
    "cuda_compile/test_team_numbers.py::test_one_problem[auto-2]",
    "cuda_simulator/test_batch.py::test_what_may_be_given[2-point]",
    "cuda_simulator/test_batch.py::test_what_may_be_given[fun]",
    "cuda_simulator/test_device_cases.py::test_the_report",
    "cuda_simulator/test_found_rate.py::test_the_same_steps_as_on_the_host[adan]",
    "cuda_simulator/test_found_rate.py::test_the_same_steps_as_on_the_host[rprop]",
    "derivatives/random_programs/test_random_programs.py::test_buffers_compiled",
    "derivatives/random_programs/test_random_programs.py::test_slices_compiled",
    "derivatives/test_array_functions.py::test_compiled[integrals]",
    "derivatives/test_array_functions.py::test_compiled[joins]",
    "derivatives/test_array_functions.py::test_compiled[layout]",
    "derivatives/test_array_functions.py::test_compiled[two]",
    "derivatives/test_infinite_slopes.py::test_arrays",
    "derivatives/test_infinite_slopes.py::test_compiled[2-sqrt]",
    "derivatives/test_infinite_slopes.py::test_compiled[9-sqrt]",
    "derivatives/test_linear_algebra.py::test_element_types_and_layouts",
    "derivatives/test_linear_algebra.py::test_other_values_are_numpys",
    "derivatives/test_linear_algebra.py::test_what_would_raise_is_nan[nan]",
    "derivatives/test_programs.py::test_values_and_gradients[2001-False]",
    "derivatives/test_programs.py::test_values_and_gradients[2002-False]",
    "derivatives/test_programs.py::test_values_and_gradients[2017-True]",
    "derivatives/test_programs.py::test_values_and_gradients[2029-False]",
    "derivatives/test_refusals.py::test_a_second_process_says_the_same_without_compiling",
    "drivers/test_batch_workers.py::test_dask_finishes_with_a_worker_killed",
    "drivers/test_batch_workers.py::test_maxtime",
    "drivers/test_batch_workers.py::test_ragged_data_options_and_bounds_are_cut_with_the_problems",
    "drivers/test_batch_workers.py::test_what_travels_is_compiled_once",
    "drivers/test_copied_rows.py::test_rows_that_are_copied_beside_args_own_nothing[List-batch]",
    "drivers/test_copied_rows.py::test_rows_that_are_copied_beside_args_own_nothing[List-stochastic]",
    "drivers/test_copied_rows.py::test_rows_that_are_copied_beside_args_own_nothing[array-batch]",
    "drivers/test_kinks.py::test_single_precision",
    "drivers/test_kinks.py::test_the_steps_of_differences_end_at_a_kink[3-point]",
    "drivers/test_stochastic_seam.py::test_a_later_process_finds_the_step_on_disk",
    "performance/test_contests.py::test_real_programs_do_the_same_work[iterations]",
    "performance/test_contests.py::test_real_programs_do_the_same_work[solve, 2 parameters]",
    "project/test_bad_environments.py::test_with_a_home_that_cannot_be_written",
    "project/test_batch_examples.py::test_errors_of_the_cube_are_those_of_its_noise",
    "project/test_batch_examples.py::test_example_draws_its_pictures[growth_curves.py",
    "project/test_examples.py::test_example_draws_its_pictures[fit_nist.py",
    "project/test_examples.py::test_example_draws_its_pictures[rosenbrock_paths.py",
    "project/test_examples.py::test_five_of_eight_nist_sets_reach_six_digits[adagrad]",
    "project/test_image_example.py::test_a_photograph_is_smoothed",
    "project/test_pages.py::test_code_of_pages_runs[likelihoods.md]",
    "project/test_platforms.py::test_without_what_posix_has",
    "project/test_stochastic_examples.py::test_a_network_reads_digits_as_well_as_scikit_learn_s",
    "storage/test_checkpoint.py::test_cut_by_the_callback[search]",
    "storage/test_checkpoint.py::test_killed_again_and_again[batch]",
    "storage/test_checkpoint.py::test_killed_again_and_again[search]",
    "storage/test_problem_identity.py::test_edited_modules_are_seen",
    "storage/test_problem_identity.py::test_the_same_in_another_process",
    *(
        f"api/test_automatic_training.py::test_the_mean_is_found_with_every_rule[{method}]"
        for method in ("adabelief", "adadelta", "adamax", "ademamix", "adopt", "radam", "yogi")
    ),
)


def are_left_out():
    """Return True unless all tests are asked for."""
    return os.environ.get("FASTOPT_THOROUGH", "") in ("", "0")


def is_thorough(item):
    """Return True for a test that is left out where time is short."""
    return item.nodeid.removeprefix("tests/").startswith(THOROUGH)
