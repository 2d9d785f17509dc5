"""The dual number: its type, the rules of derivatives, and the machine code for them."""
