"""Matrix products by the fastest kernel of this machine."""
