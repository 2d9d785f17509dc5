"""Plain functions into compiled ones, named by content and kept on disk."""
