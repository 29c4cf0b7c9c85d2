"""What keeps vectors sparse: regularisers, their weight lambda, and its controller."""
