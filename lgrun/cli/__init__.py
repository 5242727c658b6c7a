"""The command line. Uses the public modules of lgrun and nothing of its engine."""
