"""Client of the OpenAI chat completions protocol: requests, answers, failures and waits."""
