"""People link the LINE account on which they want to hear of what lands in their inbox."""
