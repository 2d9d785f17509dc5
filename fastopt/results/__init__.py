"""What the user gets: results, messages, progress bars."""
