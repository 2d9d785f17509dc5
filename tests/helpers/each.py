"""One test of many files: a test for each of them would take longer to schedule than to run."""

import functools
import inspect

import pytest


def each(items, name):
    """Make a test of all items from a check of one; it names the items that fail."""

    def decorate(check):
        def test():
            failed = []
            for item in items:
                try:
                    check(item)
                except (AssertionError, pytest.fail.Exception) as error:
                    failed.append(f"{name(item)}: {error}")
            assert items, "there is nothing to check"
            assert not failed, "\n".join(failed)

        functools.update_wrapper(test, check)
        test.__signature__ = inspect.Signature()  # pytest shall look for no fixtures
        return test

    return decorate
