"""What both targets need below the level of Python."""
