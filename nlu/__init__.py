"""Text to intent: what a caller wants, how sure that is, and what to do about it.

Normalising of speech, numbers, features, the classifier, out-of-scope gates, dialogue acts, entities and the tools
operations people tune with. Imports nothing else of ours. The value types others build on are in `nlu.types`;
`load` gives the classifier.
"""

from nlu.loading import load
from nlu.understand import Classifier

__all__ = ["Classifier", "load"]
