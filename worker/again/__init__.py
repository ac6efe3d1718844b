"""What happened, put through code and policy again: replay, back-test, mocks made of a run."""
