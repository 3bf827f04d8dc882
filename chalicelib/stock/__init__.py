"""How much there is of what is sold by the piece, and who holds how much of it."""
