"""An attribute that is computed when it is first read."""

from typing import Any


class CachedAttribute:
    """`functools.cached_property` without a lock, which Python 3.11 has for all objects together.

    A child that is forked while another thread holds that lock would wait for it without end. Here
    two threads may both compute the attribute.
    """

    def __init__(self, compute):
        self.compute, self.__doc__ = compute, compute.__doc__

    def __set_name__(self, _owner, name):
        self.name = name

    def __get__(self, owner, _kind=None) -> Any:
        if owner is None:
            return self
        value = vars(owner)[self.name] = self.compute(owner)
        return value
