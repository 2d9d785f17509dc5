"""Results, their messages, and progress bars."""
