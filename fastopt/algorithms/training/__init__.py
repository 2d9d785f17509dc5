"""The step of a mini-batch: with a given learning rate, or with one that is found on the way."""
