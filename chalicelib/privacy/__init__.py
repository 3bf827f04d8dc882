"""Privacy: what people agree to, a copy of what is kept of them, and erasing it."""
