"""Who photographs at an event, and on which terms."""
