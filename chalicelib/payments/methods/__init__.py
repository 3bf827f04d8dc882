"""Payment methods that somebody saved: tokens of a gateway, never the numbers of cards."""
