"""Commands as processes: killed, two at once, starved of disk and descriptors, run for long."""
