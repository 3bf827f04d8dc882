"""The second factor of a log-in: a code of an authenticator app (TOTP, RFC 6238), or a recovery code."""
