"""Arrays and their rows, wherever they live, and arguments as compiled code reads them."""
