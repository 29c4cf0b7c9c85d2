"""How the benchmarks measure: real texts, and runs of ours and the peer in turn."""
