"""The former place of `BatchResult`, for pickles of older versions."""

from fastopt.results.batch_result import BatchResult

__all__ = ["BatchResult"]
