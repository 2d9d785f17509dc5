"""Names that the mathematics leaves open; `link` binds them for each rule, problem and target."""

from typing import Any

# The objective and the schedule.
fun: Any = None  # the user's function
jac: Any = None  # and gradient
value: Any = None  # (shaped x, g, data) -> f; writes g too where fun gives both
gradient: Any = None  # (x, shaped x, g, f, low, high, data) -> evaluations of fun it took
EXACT = True  # whether the gradient is one, and no differences
propose: Any = None  # of fixed_rate or of automatic_rate
judge: Any = None
seeded: Any = None  # (DUAL, x, scratch, first, SIZE) -> x as duals
value_of: Any = None  # dual -> number
write_partials: Any = None  # (dual, g, first, SIZE)
frozen: Any = None  # (x or args) -> the same, into which nothing writes
DUAL: Any = None  # the Numba type of the duals that fun is called with
CHUNK = 0  # how many partials they carry
write: Any = None  # (gradient as the user gives it, g)
rate: Any = None  # (schedule, t) -> learning rate
mean_and_gradient: Any = None  # of a mini-batch: one of `minibatch_gradients`
sum_of_values: Any = None  # of fun over rows: one of them too
schedule_function: Any = None  # the user's function of t

# The rule (see fastopt.rules) and its state, kept as one array a slot.
C: Any = None
S: Any = None
USES: Any = None  # S of booleans: the slots that the chosen options need
coefficients: Any = None
update: Any = None
start: Any = None  # v0 -> S
accumulator: Any = None  # options -> v0
load: Any = None  # (state, i) -> S
store: Any = None  # (state, i, S)
HAS_CLIPPING_AND_DECAY = False  # whether its coefficients have those of `_clipping_and_decay`

# The target.
each: Any = None  # n -> a worker's share of the n elements
total: Any = None  # what a worker found -> the sum over all workers
most: Any = None  # the same, the largest; NaN if any is NaN
anyone: Any = None  # the same, whether any is true
cast: Any = None  # (C, real, coefficients) -> C in the element type
fetch: Any = None  # (arrays, SIZE) -> copies in local memory
bring_back: Any = None  # (copies, arrays, SIZE)
opened: Any = None  # (what lies behind a pointer) -> its values
ask: Any = None  # (what, x, g, f, calls, SIZE): the objective's evaluation, by its address
asked: Any = None  # (calls, place, ...): a number, by the address that stands there
entry: Any = None  # (evaluate, real, ROOM, held): make a way in for x and g in registers
hold: Any = None  # (pointer, value): keep the value there
hold_at: Any = None  # (address, value): keep the value there
call: Any = None  # (code, address): call the code with what is held there
fetch_row: Any = None  # (calls, b): put problem b's arguments where `ask` finds them
at: Any = None  # (pointer, array) -> the array there, of the same shape
rows: Any = None  # (fields, rooms, b) -> problem b's rows
prefetch: Any = None  # (fields, b): ask memory for problem b's rows
put: Any = None  # (rooms, k, fields, b): copy problem b's rows to place k
first_rows: Any = None  # (rooms, count) -> so many rows of them
named: Any = None  # (template, table, row) -> named tuple
add: Any = None  # (array, place, amount) -> the value before, for all threads at once
local: Any = None  # (element type) -> room for x in a thread's own memory
arrays: Any = None  # (room, x, t) -> what the loop works on
shaped_as: Any = None  # x in its shape
scratch: Any = None  # (steps) -> what the objective needs beside its arguments
LIMITS = OPTIONS = SCHEDULE = ()  # named tuples of the types that the rows of tables become
LENGTH = 0  # of x, where SIZE is zero too
real: Any = None  # the element type
EPS = 0.0  # its machine epsilon, and powers of that
EPS_2_3 = ROOT_EPS = FOURTH_ROOT_EPS = 0.0
HUGE = 0.0  # what steps may reach
BOUNDED = False  # whether there are bounds
SIZE = 0  # number of parameters where the code is compiled for one; else 0
ROOM = 0  # SIZE of the loop that an evaluation is for
PADDED = False  # whether SIZE may be more than the parameters there are: the rest of x is zero
# A rule defines these itself; the interpreter binds another C.
OF_RULES = "C", "S", "coefficients", "update"
