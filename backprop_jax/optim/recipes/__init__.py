"""The optimizers people ask for by name, as chains of transforms, by family."""
