"""Members: who works for an organization, in which department, and who is invited to."""
