"""Compilation of plain functions; compiled code is identified by its content and kept on disk."""
