"""The dual number: its type, the rules of derivatives, and their machine code."""
