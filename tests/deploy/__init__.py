"""What ships in deploy/, tried: the edge runs, the configurations fit the code, the manifests fit their schemas."""
