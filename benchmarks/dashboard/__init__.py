"""The site that asv makes: how asv is extended for it, and the scripts of its pages."""
