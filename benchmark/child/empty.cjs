// Requiring this costs what requiring costs.
