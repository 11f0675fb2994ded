"""Each endpoint as a plain function, by noun: a request value in, a Deferred answer out.  No Klein, no wire."""
