"""The dual number: its type, how it is seeded, and the machine code of its rules."""
