"""Options that commands share, a noun a file: same flag, same meaning everywhere."""
