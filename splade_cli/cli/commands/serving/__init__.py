"""Commands that answer other programs until they are stopped."""
