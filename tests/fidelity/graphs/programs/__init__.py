"""The programs that make graphs, by area."""
