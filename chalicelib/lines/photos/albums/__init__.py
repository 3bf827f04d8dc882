"""Photos of an event that belong together: in an album, or from one place."""
