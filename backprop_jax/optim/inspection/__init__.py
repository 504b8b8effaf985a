"""What an optimizer as a value allows: to read and change its hyper-parameters, to group parameters, to describe it."""
