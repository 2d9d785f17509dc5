"""The version, for the package and for those who build it."""

__version__ = "0.1.0"
