"""Below this wall: compiled code, bare arrays, no judgement of user input."""
