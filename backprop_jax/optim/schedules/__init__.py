"""Functions from the number of steps taken to a value, as values that print, compare and hash."""
