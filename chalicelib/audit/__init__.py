"""The audit log: who changed what, from where and when. Entries are added and never changed."""
