"""Forward mode: dual numbers, compiled and of plain Python."""
