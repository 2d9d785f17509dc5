"""Code for plain Python objectives that both modes share: callables, numbers, messages."""
