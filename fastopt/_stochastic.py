"""`minimize_stochastic`: the mean of a function over the rows of data, by mini-batches."""

from fastopt import _inputs, _options, _stochastic_inputs
from fastopt._training import Training


def minimize_stochastic(
    fun,
    x0,
    data,
    args=(),
    *,
    method="rmsprop",
    jac=None,
    vectorized=False,
    batch_size=32,
    epochs=10,
    shuffle=True,
    seed=None,
    average=None,
    validation=None,
    patience=None,
    callback=None,
    options=None,
):
    """Docs."""
    rule = _options.find_rule(method)
    args = args if isinstance(args, tuple) else (args,)
    x0 = _stochastic_inputs.start_point(x0)
    chosen, decay = _stochastic_inputs.options_of(rule, options, x0.dtype)
    work = _stochastic_inputs.read(
        data, batch_size, epochs, shuffle, seed, average, validation, patience, decay, vectorized
    )
    fun, jac, way = _stochastic_inputs.functions(fun, jac, vectorized)
    training = Training(fun, jac, args, rule, x0, work, chosen, way)
    training.prepare(fun)
    return training.run(_inputs.callback_of(callback))
