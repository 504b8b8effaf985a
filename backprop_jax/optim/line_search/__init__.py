"""Step sizes found by evaluating the loss."""
