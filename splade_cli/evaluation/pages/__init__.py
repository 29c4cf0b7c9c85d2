"""Reports of an evaluation for readers: verdict in plain words, plots, tables, and hits side by side."""
