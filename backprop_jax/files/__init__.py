"""Files that are whole or not there, and tensors in them. Nothing here knows of layers."""
