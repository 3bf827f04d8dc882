"""What an organization's people may set while the system runs: settings by section, and features by percentage."""
