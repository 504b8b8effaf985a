"""PyTorch's own sample inputs, which its wheel carries for its tests (OpInfo), given to our layers."""
