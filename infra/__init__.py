"""The project's own commands, its resources in AWS and the same system on one machine."""
