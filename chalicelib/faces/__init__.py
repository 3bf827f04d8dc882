"""Finding oneself: faces and bib numbers in an event's photos, where its organizer may look for them."""
