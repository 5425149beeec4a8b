"""What the steps of a flow do, and what an answer leads to."""
