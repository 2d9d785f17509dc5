"""The site that asv makes: extensions of asv, and the scripts of its pages."""
