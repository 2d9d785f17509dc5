"""Pickles of results name public places, and those of older versions still load."""

import pickle

import numpy as np

import fastopt
from fastopt.results.batch_result import BatchResult


def test_results_of_batches():
    res = fastopt.minimize_batch(lambda x, a: (x[0] - a) ** 2, [0.0], np.arange(3.0))
    dumped = pickle.dumps(res, protocol=2)
    assert b"cfastopt\nBatchResult" in dumped
    again = pickle.loads(dumped)
    np.testing.assert_array_equal(again.x, res.x)
    assert type(again) is BatchResult
    assert again.problem(1).success


def test_the_place_of_older_versions():
    assert pickle.loads(b"cfastopt._batch_result\nBatchResult\n.") is BatchResult
