"""The stand-in model: answers on this machine, from a script, as a model's API would."""
