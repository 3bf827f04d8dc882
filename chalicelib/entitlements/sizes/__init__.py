"""Photos in smaller sizes than the original: made when somebody wants one, and kept for a month."""
