"""The same system on one machine: emulator, data stack, gateway, pumps, and what ties them together."""
