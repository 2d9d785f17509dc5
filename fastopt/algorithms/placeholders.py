"""Placeholders of the mathematics; `link` binds them for each rule, problem and target."""

from typing import Any

# The objective and the schedule.
fun: Any = None  # the user's function
jac: Any = None  # and gradient
value: Any = None  # (shaped x, g, data) -> f; also writes g if fun returns both
reverse_gradient: Any = None  # (shaped x, shaped g, store, *args) -> f; writes g
gradient: Any = None  # (x, shaped x, g, f, low, high, data) -> evaluations of fun used
EXACT = True  # whether the gradient is exact, not a difference quotient
CENTRAL = False  # whether it is a central difference
propose: Any = None  # function of fixed_rate or of automatic_rate
judge: Any = None
seeded: Any = None  # (DUAL, x, scratch, first, SIZE) -> x as duals
value_of: Any = None  # dual -> number
write_partials: Any = None  # (dual, g, first, SIZE)
seeded_along: Any = None  # (DUAL, x, scratch, first, along) -> x as duals of duals
write_row: Any = None  # (dual, h, along, first)
frozen: Any = None  # (x or args) -> the same with read-only arrays
DUAL: Any = None  # the Numba type of the duals that fun is called with
CHUNK = 0  # their number of partials
write: Any = None  # (the user's gradient, g)
rate: Any = None  # (schedule, t) -> learning rate
mean_and_gradient: Any = None  # for a mini-batch: a function of `minibatch_gradients`
ADDS = False  # whether fun adds its gradient to an array
MOVES_X = False  # whether the gradient is computed by changes of x
take_step: Any = None  # the step of a mini-batch: `step` of a module of `algorithms.training`
sum_of_values: Any = None  # the sum of fun over rows: a function of `minibatch_gradients`
schedule_function: Any = None  # the user's function of t

# A fit: its residuals or its curve, and what is added up over them (see `fit_equations`).
fold: Any = None  # (rooted, x, found, data) -> cost; writes the equations
equations: Any = None  # (x, found, data) -> cost; writes J'J
source: Any = None  # (x, data) -> residuals, or parameters of the curve, as duals
count: Any = None  # (source, data) -> number of residuals or points
dual_at: Any = None  # (source, data, i) -> residual i, or the model at point i
weigh: Any = None  # (value, data, i) -> loss, its slope and curvature, whether it is used
loss: Any = None  # (residual, scale) -> the same
x_at: Any = None  # (args, i) -> coordinates of point i
weight: Any = None  # (args, i) -> 1 / sigma of point i
root_in: Any = None  # (found, place) -> the matrix there, transposed
no_sums: Any = None  # functions of `duals.normal_sums`
with_residual: Any = None
write_sums: Any = None
seeded_items: Any = None
as_dual: Any = None
listed: Any = None
fresh: Any = None
model: Any = None  # of a curve whose errors are correlated: `source`, `count` and `dual_at` of it
model_count: Any = None
value_at: Any = None
Y = W = X = X_2 = X_3 = 0  # places of y, 1 / sigma or the root of covariances, and the coordinates

# The rule (see fastopt.rules) and its state, with one array for each slot.
C: Any = None
S: Any = None
USES: Any = None  # S of booleans: the slots that the options need
coefficients: Any = None
update: Any = None
start: Any = None  # v0 -> S
accumulator: Any = None  # options -> v0
load: Any = None  # (state, i) -> S
store: Any = None  # (state, i, S)
HAS_CLIPPING_AND_DECAY = False  # whether its coefficients have those of `_clipping_and_decay`
# Whether steps without clipping and decay have a loop of their own. It pays off only if arithmetic
# takes longer than roots, and doubles the code.
OWN_LOOP = False
TRACKED = True  # whether `sweep` can return the largest change; without it, its loop is simpler

# The target.
each: Any = None  # n -> a worker's share of the n elements
total: Any = None  # a worker's number -> the sum over all workers
most: Any = None  # a worker's number -> the largest of all workers; NaN if any is NaN
anyone: Any = None  # a worker's boolean -> whether any is true
magnitude: Any = None  # number -> its absolute value, as something whose largest one is found fast
of_magnitude: Any = None  # that -> number
cast: Any = None  # (C, real, coefficients) -> C in the element type
RUN: Any = None  # a `Run` with the form of those of the loop
load_run: Any = None  # (RUN, element type, record) -> its scalars as a `Run`
store_run: Any = None  # (Run, record)
fetch: Any = None  # (arrays, SIZE) -> copies in local memory
bring_back: Any = None  # (copies, arrays, SIZE)
load_value: Any = None  # (pointer to a value) -> the value
ask: Any = None  # (what, x, g, f, calls, SIZE): the objective's evaluation, by its address
call_function: Any = None  # (calls, place, arguments) -> the number that it returns
entry: Any = None  # (evaluate, real, LOOP_SIZE, pointer): add a variant with x, g in registers
store_value: Any = None  # (pointer, value): store the value
store_at: Any = None  # (address, value): store the value
call: Any = None  # (code, address): call the code with the value at the address
fetch_row: Any = None  # (calls, b): store problem b's arguments in the memory that `ask` reads
at: Any = None  # (pointer, array) -> the array at the pointer, in the same shape
rows: Any = None  # (fields, row_buffers, b) -> problem b's rows
prefetch: Any = None  # (fields, b): prefetch problem b's rows
put: Any = None  # (row_buffers, k, fields, b): copy problem b's rows to place k
first_rows: Any = None  # (row_buffers, count) -> their first rows
named: Any = None  # (template, table, row) -> named tuple
add: Any = None  # (array, place, amount) -> the previous value; atomic, as the next two are
read: Any = None  # (array, place) -> the integer there
exchange: Any = None  # (array, place, old, new) -> whether it was `old`, and is `new` now
give_way: Any = None  # (): let another thread run
local: Any = None  # (element type) -> an array for x in a thread's local memory
arrays: Any = None  # (state_block, x, t) -> the arrays of the loop
shaped_as: Any = None  # x -> x in x0's shape
scratch: Any = None  # (steps) -> the objective's data besides its arguments
LIMITS = OPTIONS = SCHEDULE = ()  # named tuples with the types of the rows of tables
LENGTH = 0  # number of parameters, even if SIZE is zero
real: Any = None  # the element type
EPS = 0.0  # its machine epsilon, and powers of that
EPS_2_3 = ROOT_EPS = FOURTH_ROOT_EPS = 0.0
HUGE = 0.0  # upper limit of steps
BOUNDED = False  # whether there are bounds
FUSED = False  # whether the pairs are read as in `fused_passes`: many parameters, no bounds
SIZE = 0  # number of parameters if the code is compiled for one, else 0
LOOP_SIZE = 0  # SIZE of the loop that an evaluation is for
PADDED = False  # whether SIZE may exceed the number of parameters: x is padded with zeros
# Names that a rule defines itself; the interpreter binds another C.
OF_RULES = "C", "S", "coefficients", "update"
