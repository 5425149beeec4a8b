"""From prompts to sound: speaking the approved texts, and making likely sentences ready beforehand."""
