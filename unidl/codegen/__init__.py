"""Source code from a traced description: what is the same for every framework. A backend's `source` folder says the rest."""
