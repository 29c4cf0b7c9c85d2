"""Teachers' scores of training rows."""
