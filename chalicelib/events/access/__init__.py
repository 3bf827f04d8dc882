"""Who gets into an event: everybody, or who knows its code."""
