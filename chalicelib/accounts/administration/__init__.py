"""People as those see them who manage an organization: found, blocked, appointed."""
