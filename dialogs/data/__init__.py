"""What a bank edits: flow, prompts, routes and hours as checked values, and the bundle of them. Imports nothing of the engine."""
