"""From hypotheses to an Understanding: the classifier that serves, the decision, and keywords when there is none."""
