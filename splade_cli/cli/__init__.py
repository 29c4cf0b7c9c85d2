"""The command line: one file a command, all printing in console. The only folder that knows a terminal."""
