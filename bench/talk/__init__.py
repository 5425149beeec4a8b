"""A simulated population calls the bot in text: people with a goal, a mood and a way of speaking, who act on what is offered."""
