"""What lies on the disk: files that are whole or not there, locks, checksums, and a cache that is kept."""
