"""The kernel wall: modules here have compiled code and bare arrays, and do not check user input."""
