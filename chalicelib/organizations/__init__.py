"""Organizations: the tenants, their settings, their hosts, and what each role may do."""
